"""Read model of open approval requests, from the APPROVALS and PROGRESS streams."""

from collections import Counter
from typing import Final

from perdure.bus.envelope import decode
from perdure.bus.port import Bus
from perdure.bus.views.run_index import latest_facts
from perdure.contracts import (
    ENDINGS,
    AboutRequest,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalRequested,
    from_token,
    to_pattern,
    to_token,
)

__all__ = ["escalated_to", "is_settled", "open_requests", "request_of", "unsettled_requests"]

_OPEN_COUNTS: Final = {"requested": 1, "decided": -1, "expired": -1}
_MESSAGES_PER_READ: Final = 64  # reading the requests of one run costs about as much as reading so many messages


async def open_requests(
    bus: Bus, workflow: str | None = None, workflow_id: str | None = None
) -> list[ApprovalRequested]:
    """Return the requests that are not decided, not expired, and whose run has not ended; oldest first.

    Each is as it was published, so that its digest holds.
    """
    runs = await _runs_to_read(bus, workflow, workflow_id)
    found = [request for run in runs for request in await _open_requests_of(bus, *run)]
    return sorted(found, key=lambda request: request.opened_at)


async def request_of(bus: Bus, about: AboutRequest) -> ApprovalRequested | None:
    """Return the request that a message is about, open or not; None if the stream no longer holds it."""
    if isinstance(about, ApprovalRequested):
        return about
    newest = None  # another run of this workflow id may have used the same request id
    async for message in bus.read(_subject("requested", about)):
        request = decode(message.raw)
        if isinstance(request, ApprovalRequested) and request.request_id == about.request_id:
            if _identity(request) == _identity(about):
                return request
            newest = request
    return newest


async def escalated_to(bus: Bus, about: AboutRequest) -> tuple[str, ...]:
    """Return the names of the people and roles that the escalations of a request have added so far."""
    names: dict[str, None] = {}
    async for message in bus.read(_subject("escalated", about)):
        escalation = decode(message.raw)
        if isinstance(escalation, ApprovalEscalated) and _identity(escalation) == _identity(about):
            names |= dict.fromkeys(escalation.to)
    return tuple(names)


async def is_settled(bus: Bus, request: AboutRequest) -> bool:
    """Return whether a request is decided or expired."""
    for kind in ("decided", "expired"):
        async for message in bus.read(_subject(kind, request)):
            outcome = decode(message.raw)
            if isinstance(outcome, AboutRequest) and _identity(outcome) == _identity(request):
                return True
    return False


def _identity(about: AboutRequest) -> tuple[str, str]:
    return about.run_id, about.request_id


def _subject(kind: str, about: AboutRequest) -> str:
    return ".".join(["approvals", kind, *map(to_token, about.address)])


async def _runs_to_read(bus: Bus, workflow: str | None, workflow_id: str | None) -> list[tuple[str | None, str | None]]:
    """Return workflow and id of the runs to read, None for all: all at once, or each run with an open request.

    The message counts by subject show which runs have more requests than outcomes. The cheaper way is chosen.
    """
    if workflow_id is not None:
        return [(workflow, workflow_id)]
    counts = await bus.count_by_subject(f"approvals.*.{to_pattern(workflow)}.*")
    open_by_run = Counter[tuple[str, str]]()
    for subject, count in counts.items():
        _, kind, workflow_token, run_token = subject.split(".")
        open_by_run[workflow_token, run_token] += count * _OPEN_COUNTS.get(kind, 0)
    runs = [run for run, left in open_by_run.items() if left > 0]
    if len(runs) * _MESSAGES_PER_READ > sum(counts.values()):
        return [(workflow, None)]
    return [(from_token(workflow_token), from_token(run_token)) for workflow_token, run_token in runs]


async def unsettled_requests(bus: Bus, workflow: str | None, workflow_id: str | None) -> list[ApprovalRequested]:
    """Return the requests that are neither decided nor expired, also of ended runs; each as it was published."""
    requests: dict[str, ApprovalRequested] = {}
    async for message in bus.read(f"approvals.*.{to_pattern(workflow)}.{to_pattern(workflow_id)}"):
        match decode(message.raw):
            case ApprovalRequested() as request:
                requests[request.request_id] = request
            case ApprovalDecided(request_id=closed) | ApprovalExpired(request_id=closed):
                requests.pop(closed, None)
    return list(requests.values())


async def _open_requests_of(bus: Bus, workflow: str | None, workflow_id: str | None) -> list[ApprovalRequested]:
    requests = await unsettled_requests(bus, workflow, workflow_id)
    newest = await latest_facts(bus, workflow, workflow_id) if requests else []
    ended = {fact.workflow_id for fact in newest if fact.kind in ENDINGS}
    return [request for request in requests if request.workflow_id not in ended]
