"""Read model of one run's approval requests, open and settled, with their votes, reminders and escalations."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from perdure.approvers import escalated
from perdure.bus.envelope import decode
from perdure.bus.port import ReadableStreams, StoredMessage
from perdure.bus.views.request_votes import CastVote, votes_on
from perdure.bus.views.run_index import latest_facts
from perdure.contracts import (
    ENDINGS,
    AboutRequest,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Policy,
    to_pattern,
    to_token,
)
from perdure.contracts.instant import Instant
from perdure.values.request_state import RequestState

__all__ = ["EscalatedTo", "RequestRecord", "request_records"]


class EscalatedTo(BaseModel):
    """One escalation that has happened.

    Attributes:
        to: Names of the people and roles that may vote since.
        at: When (UTC).
    """

    model_config = ConfigDict(frozen=True)

    to: tuple[str, ...]
    at: Instant


class RequestRecord(BaseModel):
    """An approval request, and what has happened to it.

    Attributes:
        request: The request as it was published, so that its digest holds.
        current_policy: Its policy after the escalations so far: who may vote now.
        state: See ``RequestState``.
        settled_at: When it was settled (UTC); absent while it is open, or if its run ended without settling it.
        settled_by: The people on the winning side, joined by commas; empty unless it is approved or rejected.
        reason: Their comments, or why it expired or was withdrawn.
        silence: What the policy makes of it, if it expired.
        votes: The votes that count so far, one a person, oldest first.
        reminders: How often those who may vote were reminded.
        escalations: The escalations so far, oldest first.
    """

    model_config = ConfigDict(frozen=True)

    request: ApprovalRequested
    current_policy: Policy
    state: RequestState = "open"
    settled_at: Instant | None = None
    settled_by: str = ""
    reason: str = ""
    silence: Literal["reject", "approve"] | None = None
    votes: tuple[CastVote, ...] = ()
    reminders: int = 0
    escalations: tuple[EscalatedTo, ...] = ()


async def request_records(
    bus: ReadableStreams, workflow_id: str, *, workflow: str | None = None, votes: bool = True
) -> list[RequestRecord]:
    """Return all requests of a run, oldest first; of a workflow id that was used again, those of each run.

    Args:
        bus: The bus.
        workflow_id: The run.
        workflow: Its workflow type, if it is known.
        votes: Whether to read the votes; it takes the right to read DECISIONS and RECEIPTS.

    Raises:
        Unavailable: NATS does not answer.
    """
    subject = f"approvals.*.{to_pattern(workflow)}.{to_token(workflow_id)}"
    messages = [(message, decode(message.raw)) async for message in bus.read(subject)]
    requests = [request for _, request in messages if isinstance(request, ApprovalRequested)]
    if not requests:
        return []
    newest = [fact for fact in await latest_facts(bus, workflow, workflow_id) if fact.kind in ENDINGS]
    ending = newest[-1].kind if newest else None
    records = [_record(request, list(_about(request, messages)), ending) for request in requests]
    if not votes:
        return records
    return [it.model_copy(update={"votes": tuple(await votes_on(bus, it.request))}) for it in records]


def _record(
    request: ApprovalRequested, messages: Sequence[tuple[StoredMessage, AboutRequest]], ending: str | None
) -> RequestRecord:
    escalations = [(stored, it) for stored, it in messages if isinstance(it, ApprovalEscalated)]
    count = max((it.count for _, it in escalations), default=0)
    record = RequestRecord(
        request=request,
        current_policy=escalated(request.policy, count),
        reminders=sum(isinstance(it, ApprovalReminded) for _, it in messages),
        escalations=tuple(EscalatedTo(to=it.to, at=stored.stored_at) for stored, it in escalations),
    )
    outcome = next((it for _, it in messages if isinstance(it, ApprovalDecided | ApprovalExpired)), None)
    return record.model_copy(update=_settlement(outcome, ending))


def _settlement(outcome: ApprovalDecided | ApprovalExpired | None, ending: str | None) -> dict[str, object]:
    """Return the fields of a record that say how the request was settled; none while it is open."""
    match outcome:
        case ApprovalDecided():
            return {
                "state": "approved" if outcome.decision == "approve" else "rejected",
                "settled_at": outcome.decided_at,
                "settled_by": outcome.approver,
                "reason": outcome.comment,
            }
        case ApprovalExpired():
            timed_out = outcome.reason == ApprovalExpired.model_fields["reason"].default
            return {
                "state": "expired" if timed_out else "withdrawn",
                "settled_at": outcome.expired_at,
                "reason": outcome.reason,
                "silence": outcome.silence if timed_out else None,
            }
        case None if ending is not None:
            return {"state": "withdrawn", "reason": f"its run ended: {ending}"}
        case None:
            return {}


def _about(
    request: ApprovalRequested, messages: Sequence[tuple[StoredMessage, object]]
) -> Iterator[tuple[StoredMessage, AboutRequest]]:
    for stored, message in messages:
        if isinstance(message, AboutRequest) and (message.run_id, message.request_id) == (
            request.run_id,
            request.request_id,
        ):
            yield stored, message
