"""Finds and lists approval requests, open and settled."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Final

from perdure.approvers import Directory, may_vote
from perdure.bus.port import Bus
from perdure.bus.views.approval_index import open_requests
from perdure.bus.views.erasures import not_found
from perdure.bus.views.newest import newest_headers
from perdure.bus.views.request_record import RequestRecord, request_records
from perdure.bus.views.run_codes import refuse_two_meanings, runs_with_code
from perdure.bus.views.run_lookup import ambiguous
from perdure.contracts import ApprovalRequested, from_token, to_pattern, to_token
from perdure.errors import PerdureError
from perdure.values.request_state import RequestState
from perdure.values.short_code import request_word, run_word, split_request

__all__ = ["RequestFilter", "RequestNotOpen", "find_open_request", "find_request", "list_requests"]

_MOST_RUNS: Final = 100  # whose requests are read to find one by the beginning of its id


class RequestNotOpen(PerdureError):
    """The approval request is settled: approved, rejected, expired or withdrawn."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """A selection of approval requests.

    Attributes:
        workflow: Only requests of this workflow type.
        state: Only requests in this state; None for all, the open ones first.
        person: Only requests on which this person has voted, or may vote if they are open.
        text: Only requests whose title contains this text, in any case.
        since: Only requests that were opened, or settled if they are settled, at this time or later (UTC).
        limit: At most so many requests, from 1.
    """

    workflow: str | None = None
    state: RequestState | None = "open"
    person: str | None = None
    text: str = ""
    since: datetime | None = None
    limit: int = 50

    def admits(self, record: RequestRecord, known: Directory | None) -> bool:
        """Return whether a request is selected."""
        request = record.request
        return (
            self.state in {None, record.state}
            and self.text.lower() in request.title.lower()
            and (self.since is None or (record.settled_at or request.opened_at) >= self.since)
            and (self.person is None or self._concerns(self.person, record, known))
        )

    @staticmethod
    def _concerns(person: str, record: RequestRecord, known: Directory | None) -> bool:
        if any(vote.approver == person for vote in record.votes):
            return True
        if record.state != "open" or known is None:
            return False
        return may_vote(known, person, record.request, datetime.now(UTC), policy=record.current_policy)


async def find_request(bus: Bus, text: str) -> RequestRecord:
    """Return a request, open or settled, by its id, its code or a unique beginning of its id.

    Of a workflow id that was used again, the newest request of the id is returned.

    Raises:
        NotFound: No request has this id or beginning.
        Ambiguous: Several requests begin with it; the message lists up to five.
        Unavailable: NATS does not answer.
    """
    return _only(await _known(bus, text, votes=True), text)


async def find_open_request(bus: Bus, text: str) -> ApprovalRequested:
    """Return an open request by its id, its code or a beginning that no other open request has; votes are not read.

    Raises:
        NotFound: No request has this id or beginning.
        RequestNotOpen: The only one that does is settled.
        Ambiguous: Several open requests begin with it; the message lists up to five.
        Unavailable: NATS does not answer.
    """
    records = await _known(bus, text, votes=False)
    record = _only([record for record in records if record.state == "open"] or records, text)
    if record.state == "open":
        return record.request
    who = f" by {record.settled_by}" if record.settled_by else f": {record.reason}"
    raise RequestNotOpen(f"The request {record.request.request_id} is not open any more: it is {record.state}{who}.")


async def list_requests(bus: Bus, selection: RequestFilter, known: Directory | None = None) -> list[RequestRecord]:
    """Return the selected requests: open ones first, the longest open first; then settled ones, the newest first.

    A request that no one settled because its run was terminated is found by its id only.

    Args:
        bus: The bus.
        selection: Which requests.
        known: The approvers, for ``RequestFilter.person``.

    Raises:
        Unavailable: NATS does not answer.
    """
    found: list[RequestRecord] = []
    async with aclosing(_candidates(bus, selection)) as candidates:
        async for record in candidates:
            if selection.admits(record, known):
                found.append(record)
            if len(found) == selection.limit:
                break
    return found


async def _candidates(bus: Bus, selection: RequestFilter) -> AsyncGenerator[RequestRecord]:
    if selection.state in {None, "open"}:
        for request in await open_requests(bus, selection.workflow):
            for record in await request_records(bus, request.workflow_id, workflow=request.workflow):
                if record.request.message_id == request.message_id:
                    yield record
    if selection.state != "open":
        async for record in _settled(bus, selection):
            yield record


async def _settled(bus: Bus, selection: RequestFilter) -> AsyncGenerator[RequestRecord]:
    """Yield settled requests, that of the newest settlement first."""
    seen: set[tuple[str, str]] = set()
    async with aclosing(newest_headers(bus, f"approvals.*.{to_pattern(selection.workflow)}.*")) as messages:
        async for message in messages:
            _, kind, workflow, run = message.raw.subject.split(".")
            if selection.since is not None and message.stored_at < selection.since:
                return
            if kind not in {"decided", "expired"} or (workflow, run) in seen:
                continue
            seen.add((workflow, run))
            records = await request_records(bus, from_token(run), workflow=from_token(workflow))
            for record in reversed(records):
                if record.settled_at is not None:
                    yield record


async def _known(bus: Bus, text: str, *, votes: bool) -> list[RequestRecord]:
    """Return the requests that a text means, at least one."""
    if records := await _beginning_with(bus, text, votes=votes):
        return records
    problem = f"There is no approval request {text}. List those that are open with `perdure approvals list`."
    raise await not_found(bus, text, problem)


async def _beginning_with(bus: Bus, text: str, *, votes: bool) -> list[RequestRecord]:
    """Return the requests with this id, else those whose id begins with it, oldest first within a run."""
    if run := text.rpartition(".")[0]:
        records = await request_records(bus, run, votes=votes)
        exact = [record for record in records if record.request.request_id == text]
        coded = await _coded(bus, text, votes=votes)
        for one, other in product(exact, coded):
            refuse_two_meanings(text, exact=one.request.workflow_id, coded=other.request.workflow_id)
        if exact or coded:
            return exact or coded
    start = to_token(text)
    tokens = {subject.rpartition(".")[2] for subject in await bus.count_by_subject("approvals.requested.*.*")}
    runs = [from_token(token) for token in tokens if token.startswith(start) or start.startswith(f"{token}=2E")]
    if len(runs) > _MOST_RUNS:
        raise ambiguous(f"{text} begins the ids of the requests of", "runs", [run_word(run) for run in sorted(runs)])
    records = [record for run in sorted(runs) for record in await request_records(bus, run, votes=votes)]
    return [record for record in records if record.request.request_id.startswith(text)]


async def _coded(bus: Bus, text: str, *, votes: bool) -> list[RequestRecord]:
    """Return the requests that a text names by the code of their run."""
    code, number = split_request(text)
    runs = await runs_with_code(bus, code, subjects="approvals.requested.*.*")
    records = [record for run in runs for record in await request_records(bus, run, votes=votes)]
    return [record for record in records if split_request(record.request.request_id)[1] == number]


def _only(records: list[RequestRecord], text: str) -> RequestRecord:
    if len({record.request.request_id for record in records}) > 1:
        raise ambiguous(
            f"{text} begins the ids of", "requests", [request_word(it.request.request_id) for it in records]
        )
    return records[-1]
