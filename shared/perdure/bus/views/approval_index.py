"""Which approval requests wait for an answer, as the bus tells it."""

from collections import Counter
from typing import Final

from perdure.approvers import escalated
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
from perdure.errors import PerdureError

__all__ = ["RequestNotOpen", "find_request", "is_settled", "open_requests", "request_of"]

_COUNTS: Final = {"requested": 1, "decided": -1, "expired": -1}
_AS_DEAR_AS: Final = 64  # to read one run costs as much as so many messages more where all are read


class RequestNotOpen(PerdureError):
    """A request was never asked, or is settled."""


async def open_requests(
    bus: Bus, workflow: str | None = None, workflow_id: str | None = None
) -> list[ApprovalRequested]:
    """Return the requests that are neither answered nor expired, and whose run has not ended; oldest first.

    Their policies are as escalations have left them.
    """
    found = [request for place in await _places(bus, workflow, workflow_id) for request in await _open_at(bus, *place)]
    return sorted(found, key=lambda request: request.opened_at)


async def find_request(bus: Bus, request_id: str) -> ApprovalRequested:
    """Return an open request.

    Raises:
        NotOpen: It is not open.
    """
    waiting = await open_requests(bus, workflow_id=request_id.rpartition(".")[0])
    for request in waiting:
        if request.request_id == request_id:
            return request
    raise RequestNotOpen(f"No request {request_id} is open. `perdure approvals` lists those that are.")


async def request_of(bus: Bus, about: AboutRequest) -> ApprovalRequested | None:
    """Return the request that a message is about, open or not; none, if the bus no longer holds it."""
    if isinstance(about, ApprovalRequested):
        return about
    newest = None  # an earlier run of this workflow id may have asked under the same request id
    async for heard in bus.read(_said("requested", about)):
        request = decode(heard.raw)
        if isinstance(request, ApprovalRequested) and request.request_id == about.request_id:
            newest = request
    return newest


async def is_settled(bus: Bus, request: AboutRequest) -> bool:
    """Tell whether a request was answered, or has expired."""
    for how in ("decided", "expired"):
        async for heard in bus.read(_said(how, request)):
            said = decode(heard.raw)
            if isinstance(said, AboutRequest) and _of(said) == _of(request):
                return True
    return False


def _of(said: AboutRequest) -> tuple[str, str]:
    return said.run_id, said.request_id


def _said(how: str, about: AboutRequest) -> str:
    return ".".join(["approvals", how, *map(to_token, about.address)])


async def _places(bus: Bus, workflow: str | None, workflow_id: str | None) -> list[tuple[str | None, str | None]]:
    """Name where to read: everywhere, or just the runs with more requests than ends, where that is less."""
    if workflow_id is not None:
        return [(workflow, workflow_id)]
    counts = await bus.count_by_subject(f"approvals.*.{to_pattern(workflow)}.*")
    unanswered = Counter[tuple[str, str]]()
    for subject, count in counts.items():
        _, kind, of, run = subject.split(".")
        unanswered[of, run] += count * _COUNTS.get(kind, 0)
    asking = [place for place, left in unanswered.items() if left > 0]
    if len(asking) * _AS_DEAR_AS > sum(counts.values()):
        return [(workflow, None)]
    return [(from_token(of), from_token(run)) for of, run in asking]


async def _open_at(bus: Bus, workflow: str | None, workflow_id: str | None) -> list[ApprovalRequested]:
    requests: dict[str, ApprovalRequested] = {}
    rungs = Counter[str]()
    async for heard in bus.read(f"approvals.*.{to_pattern(workflow)}.{to_pattern(workflow_id)}"):
        match decode(heard.raw):
            case ApprovalRequested() as request:
                requests[request.request_id] = request
                rungs.pop(request.request_id, None)  # those were of an earlier run of this workflow id
            case ApprovalEscalated(request_id=name, count=count):
                rungs[name] = max(rungs[name], count)
            case ApprovalDecided(request_id=closed) | ApprovalExpired(request_id=closed):
                requests.pop(closed, None)
    newest = await latest_facts(bus, workflow, workflow_id) if requests else []
    ended = {fact.workflow_id for fact in newest if fact.kind in ENDINGS}
    waiting = [request for request in requests.values() if request.workflow_id not in ended]
    return [escalated(request, rungs[request.request_id]) for request in waiting]
