"""The comparison of a record with Temporal's histories, which ``perdure audit verify --temporal`` asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from perdure.cli.client import open_bus, run_command
from perdure.errors import WrongArgument

if TYPE_CHECKING:
    from perdure.cli.audit.records import OpenedRecord
    from perdure.cli.audit.trusted_key import TrustedKey
    from perdure.cli.audit.verdict_text import VerifiedRecord
    from perdure.client.temporal_comparison import TemporalComparison
    from perdure.ledger import Verifier

__all__ = ["refuse_other_ledger", "with_temporal"]


def refuse_other_ledger(record: OpenedRecord, trusted: TrustedKey, own: Verifier | None) -> None:
    """Refuse a record of which this suite's Temporal knows nothing.

    Raises:
        WrongArgument: It is another ledger's, or nobody knows how far it goes.
    """
    if record.is_foreign or not (own is None or own == trusted.verifier or record.is_of_bus):
        raise WrongArgument(f"--temporal compares with this suite's runs, and {trusted.verifier} is another ledger's.")
    if record.as_of is None:
        raise WrongArgument("--temporal needs a checkpoint in the export, which tells how far it goes: export anew.")


def with_temporal(result: VerifiedRecord) -> VerifiedRecord:
    """Compare what Temporal still has with the leaves too; what has none is a fault of completeness.

    Raises:
        Unavailable: The bus, the orchestrator or the database does not answer.
    """
    temporal = run_command(_compared(result.record))
    return replace(result, temporal=temporal, faults=[*result.faults, *temporal.faults])


async def _compared(record: OpenedRecord) -> TemporalComparison:
    """Compare as far as the record goes."""
    from perdure.client.temporal_comparison import FRESH, TemporalComparison, runs_without_leaves
    from perdure.ledger import Discrepancy
    from perdure.record.layout import DamagedExport

    age = datetime.now(UTC) - (record.as_of or datetime.now(UTC))
    try:
        async with open_bus() as bus:
            return await runs_without_leaves(bus, record.parts.leaves(), fresh=FRESH + age)
    except DamagedExport as damage:
        text = f"It cannot be compared with Temporal. {damage}"
        return TemporalComparison(faults=[Discrepancy("completeness", None, text)])
