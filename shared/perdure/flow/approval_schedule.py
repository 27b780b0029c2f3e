"""What happens to an approval request while nobody decides it, and when: reminders, escalations, expiry."""

from collections.abc import Iterator
from datetime import datetime

from perdure.contracts import ApprovalEscalated, ApprovalReminded, ApprovalRequested

__all__ = ["about", "schedule"]


def schedule(request: ApprovalRequested) -> Iterator[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]]:
    """Yield the due times (UTC) in order, each with the fact to publish then; None is the expiry."""
    every, rungs = request.policy.remind_every, request.policy.rungs
    reminders, escalations = 0, 0
    while True:
        coming: list[tuple[datetime, ApprovalReminded | ApprovalEscalated | None]] = []
        if request.expires_at is not None:
            coming.append((request.expires_at, None))
        if escalations < len(rungs):
            rung = rungs[escalations]
            escalated = ApprovalEscalated(**about(request), to=(*rung.people, *rung.roles), count=escalations + 1)
            coming.append((request.opened_at + rung.after, escalated))
        if every is not None:
            reminder = ApprovalReminded(**about(request), count=reminders + 1)
            coming.append((request.opened_at + (reminders + 1) * every, reminder))
        if not coming:
            return
        due, fact = min(coming, key=lambda pair: pair[0])
        yield due, fact
        reminders += isinstance(fact, ApprovalReminded)
        escalations += isinstance(fact, ApprovalEscalated)


def about(request: ApprovalRequested) -> dict[str, str]:
    """Return the fields that every fact about a request has."""
    return request.model_dump(include={"workflow", "workflow_id", "run_id", "request_id"})
