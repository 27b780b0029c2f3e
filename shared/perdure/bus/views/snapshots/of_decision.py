"""What is known of a decision: itself, and its receipts."""

import re
from dataclasses import replace
from typing import Final

from perdure.bus.port import StoredMessage
from perdure.bus.views.request_votes import decision_in
from perdure.bus.views.snapshots.people import people_of, receipts_of
from perdure.bus.views.snapshots.sources import AskedSources, place_of_message
from perdure.contracts import Decision, from_token, to_token
from perdure.explain import Cited, FactSnapshot
from perdure.values.short_code import split_request

__all__ = ["decision_at", "decision_snapshot", "find_decision"]

_END_OF_REQUEST: Final = re.compile(r"\.\d+(?=\..)", re.ASCII)


def decision_at(message: StoredMessage | None) -> Cited[Decision] | None:
    """Return the decision that a message of DECISIONS holds, or None."""
    run = "" if message is None else from_token(message.raw.subject.partition(".")[2])
    found = None if message is None else decision_in(message, run)
    return None if message is None or found is None else Cited(found, place_of_message(message))


async def find_decision(sources: AskedSources, decision_id: str) -> FactSnapshot | None:
    """Return what is known of the decision with an id, ``<request id>.<approver>.<nonce>``; None if nothing is."""
    for end in _END_OF_REQUEST.finditer(decision_id):
        request_id = decision_id[: end.end()]
        snapshot = await decision_snapshot(sources, decision_id, request_id, decision_id)
        if snapshot is not None:
            return snapshot
    return None


async def decision_snapshot(
    sources: AskedSources, asked: str, request_id: str, decision_id: str, stored: Cited[Decision] | None = None
) -> FactSnapshot | None:
    """Return what is known of a decision on a request; None if neither it nor a receipt of it is stored."""
    run = split_request(request_id)[0]
    receipts = [it for it in await receipts_of(sources, request_id) if it.message.decision_id == decision_id]
    decision = stored or await _stored_decision(sources, run, decision_id)
    if decision is None and not receipts:
        return None
    known = (
        await people_of(sources, FactSnapshot(asked, "decision"), run, only=request_id)
        if run
        else FactSnapshot(asked, "decision")
    )
    return replace(known, decision=decision, receipts=tuple(receipts))


async def _stored_decision(sources: AskedSources, run: str, decision_id: str) -> Cited[Decision] | None:
    subject = f"decisions.{to_token(run)}"
    if await sources.newest("DECISIONS", subject) is None:
        return None
    for message in await sources.messages("DECISIONS", subject):
        decision = decision_at(message)
        if decision is not None and decision.message.message_id == decision_id:
            return decision
    return None
