"""Compares the decisions with their receipts: each has one or a dead letter, and no second that says otherwise."""

from collections.abc import Iterator
from typing import Final

from perdure.verify.grouping import group_by
from perdure.verify.records import Observations, ReceiptRecord

__all__ = ["wrong_receipts"]

_REPEATED: Final = "replayed"  # a decision that is sent again keeps its receipt, and gets this one too


def wrong_receipts(seen: Observations, *, ended: bool) -> Iterator[tuple[str, str]]:
    """Yield the place of each decision that has no receipt, or several that differ, and what is wrong.

    Args:
        seen: What the sources hold.
        ended: Whether every receipt must be final.
    """
    receipts = group_by(seen.receipts, _decision_of)
    refused = {it.stream_sequence for it in seen.dead_letters if it.stream == "DECISIONS"}
    for decision in (it for it in seen.decisions if it.sequence not in refused):
        place = f"DECISIONS.{decision.sequence}"
        about = {it for it in receipts.get(decision.decision_id, ()) if it.place in {None, place}}
        final = [it for it in about if it.is_final]
        if not about or (ended and not final):
            yield place, f"decision {decision.decision_id} has no {'final ' if about else ''}receipt"
        elif len(codes := sorted(it.code for it in final if it.code != _REPEATED)) > 1:
            yield place, f"decision {decision.decision_id} has {len(codes)} receipts: {', '.join(codes)}"


def _decision_of(receipt: ReceiptRecord) -> str:
    return receipt.decision_id
