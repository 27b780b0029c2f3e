"""Commands as witnesses of the ledger: each keeps the newest checkpoint, and demands that the next one grew from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.errors import Unavailable
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.record.witness import Witness

__all__ = ["look", "new_witness"]


def new_witness(bus: NatsBus) -> Witness:
    """Return a witness with what this user has seen of the suite of this folder."""
    from perdure.config.loader import load_settings
    from perdure.record.seen import SeenCheckpoints
    from perdure.record.witness import Witness

    return Witness(bus.request, SeenCheckpoints.of_suite(load_settings().state))


async def look(bus: NatsBus) -> None:
    """Compare the ledger with what was seen of it; print a note if the audit service gives no proofs.

    Raises:
        LedgerForked: It shows another history.
    """
    try:
        await new_witness(bus).look()
    except Unavailable as error:
        print_error(f"The record was not compared with what was seen of its ledger before: {error}")
