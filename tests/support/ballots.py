"""Ballots on one request, and votes as the worker hands them to their run."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from perdure.contracts import ApprovalRequested, Decision, Policy, Severity
from perdure.voting.ballot import Ballot, ReceivedDecision

__all__ = ["DIGEST", "NOW", "codes", "new_ballot", "outcome", "vote"]

NOW: Final = datetime(2026, 11, 24, tzinfo=UTC)
DIGEST: Final = "a" * 64
_KNOWN: Final = set(ReceivedDecision.model_fields)


def new_ballot(
    version: int = 2, *, requester: str | None = None, severity: Severity = "normal", **policy: Any
) -> Ballot:
    """Return the ballot on a request that opens now and expires in a day.

    Args:
        version: The version of the request's digest; older requests are judged by older rules.
        requester: Who requests it.
        severity: How urgent it is.
        policy: The fields of its policy.
    """
    return Ballot(
        ApprovalRequested(
            workflow="W",
            workflow_id="w",
            run_id="r",
            request_id="w.1",
            title="Publish?",
            severity=severity,
            digest=DIGEST,
            digest_version=version,
            requester=requester,
            policy=Policy(**policy),
            opened_at=NOW,
            expires_at=NOW + timedelta(days=1),
            first_run_id="r",
        )
    )


def vote(by: str = "ann", choice: str = "approve", **fields: Any) -> ReceivedDecision:
    """Return a vote; fields are those of the decision, and what the worker knows of its approver."""
    known = {name: fields.pop(name) for name in _KNOWN & fields.keys()}
    whole = {
        "workflow_id": "w",
        "request_id": "w.1",
        "decision": choice,
        "approver": by,
        "comment": f"{by} {choice}s",
        "digest": DIGEST,
        "nonce": choice,
        **fields,
    }
    return ReceivedDecision(decision_id=f"{by}.{choice}", decision=Decision.model_validate(whole), **known)


def codes(ballot: Ballot, *votes: ReceivedDecision) -> list[str]:
    """Judge votes one after the other, and return the codes of their receipts."""
    return [ballot.judge(it, NOW).code for it in votes]


def outcome(ballot: Ballot) -> str | None:
    """Return what a ballot has decided, if anything."""
    return None if ballot.conclusion is None else ballot.conclusion.decision
