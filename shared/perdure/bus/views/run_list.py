"""Read model of the list of runs, page by page: a page costs about the same however many runs there are."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from perdure.bus.envelope import MESSAGE_ID, PARTITION_KEY, attribute, decode, header
from perdure.bus.port import Bus, StoredMessage
from perdure.bus.views.event_runs import runs_of_event
from perdure.bus.views.newest import newest_headers
from perdure.bus.views.stuck_runs import stuck_runs
from perdure.contracts import ENDINGS, Progress, ProgressKind, to_pattern, to_token
from perdure.contracts.runs import StuckRun
from perdure.values.flow_key import fit_key

__all__ = ["RunFilter", "RunPage", "RunState", "list_runs"]

RunState = Literal["open", "stuck"] | ProgressKind
"""``open``: not ended; ``stuck``: waits for mended code; or the kind of a run's newest fact, such as ``failed``."""

_SPARE: Final = 64  # runs beside those of a page, in place of those that leave their state while it is read
_AT_ONCE: Final = 64  # requests
_KINDS: Final = frozenset(get_args(ProgressKind))


@dataclass(frozen=True, slots=True)
class RunFilter:
    """A selection of runs.

    Attributes:
        workflow: Only runs of this workflow type.
        state: Only runs in this state.
        event: Only runs that this event started.
        key: Only runs with this value of their route's ``flow.key``.
        since: Only runs whose newest fact was stored at this time or later (UTC).
        until: Only runs whose newest fact was stored before this time (UTC).
        limit: At most so many runs, from 1.
        before: Only runs that come after those of an earlier page: its ``next``.
    """

    workflow: str | None = None
    state: RunState | None = None
    event: str | None = None
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    before: int | None = None

    def admits(self, fact: Progress) -> bool:
        """Return whether a run with this newest fact is selected, its time left aside."""
        return self.workflow in {None, fact.workflow} and self.has_state(fact.kind) and self.has_key(fact.key)

    def has_key(self, key: str | None) -> bool:
        """Return whether a run whose facts carry this key is selected by it."""
        return self.key is None or key == fit_key(self.key)

    def has_state(self, kind: str) -> bool:
        """Return whether a run whose newest fact has this kind may be in the state: a stuck one is open."""
        return self.state is None or (kind not in ENDINGS if self.state in {"open", "stuck"} else kind == self.state)


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of the list.

    Attributes:
        runs: The newest fact of each run, newest first.
        next: What to give as ``RunFilter.before`` for the next page; None on the last.
    """

    runs: list[Progress]
    next: int | None = None


async def list_runs(bus: Bus, selection: RunFilter) -> RunPage:
    """Return a page of the selected runs, that with the newest progress first.

    Each run of an event, and each that is stuck, is read. Else, without a state or key, only the end of the PROGRESS
    stream is; with one, the headers of each run's newest fact are, because those of the page may be old, and bodies of
    the runs of the page only.

    Raises:
        Unavailable: NATS does not answer.
    """
    if selection.event is not None or selection.state == "stuck":
        return await _of_few(bus, selection)
    found: list[tuple[int, Progress]] = []  # with their places in the list
    async with aclosing(_candidates(bus, selection)) as candidates:
        while len(found) <= selection.limit:
            batch = await _taken(candidates, min(selection.limit + 1 - len(found), _AT_ONCE))
            if not batch:
                return RunPage([fact for _, fact in found])
            newest = await asyncio.gather(*(bus.last(message.raw.subject) for message in batch))
            for candidate, message in zip(batch, newest, strict=True):
                fact = None if message is None else _selected_fact(message, selection)
                if fact is not None:
                    found.append((candidate.sequence, fact))
    shown = found[: selection.limit]
    return RunPage([fact for _, fact in shown], shown[-1][0])


async def _taken(candidates: AsyncGenerator[StoredMessage], count: int) -> list[StoredMessage]:
    """Return so many of the candidates, or those that are left."""
    taken: list[StoredMessage] = []
    while len(taken) < count and (message := await anext(candidates, None)) is not None:
        taken.append(message)
    return taken


def _selected_fact(message: StoredMessage, selection: RunFilter) -> Progress | None:
    """Return the fact that a message holds, if its run is selected and has not gone on since the earlier page."""
    if selection.before is not None and message.sequence >= selection.before:
        return None
    fact = decode(message.raw)
    return fact if isinstance(fact, Progress) and selection.admits(fact) else None


async def _of_few(bus: Bus, selection: RunFilter) -> RunPage:
    """Return a page of the runs of an event, of those that are stuck, or of both: each of them is read."""
    found: list[tuple[StoredMessage, Progress]] = []
    stuck = {run.run_id: run for run in await stuck_runs(bus)} if selection.state == "stuck" else None
    subjects = await _subjects(bus, selection.event, None if stuck is None else stuck.values())
    for start in range(0, len(subjects), _AT_ONCE):
        for message in await asyncio.gather(*map(bus.last, subjects[start : start + _AT_ONCE])):
            fact = None if message is None else _selected_fact(message, selection)
            if message is None or fact is None or not _in_time(message, selection):
                continue
            if stuck is None or fact.run_id in stuck:
                found.append((message, fact))
    found.sort(key=lambda it: it[0].sequence, reverse=True)
    shown = found[: selection.limit]
    return RunPage([fact for _, fact in shown], shown[-1][0].sequence if len(found) > len(shown) else None)


async def _subjects(bus: Bus, event: str | None, stuck: Collection[StuckRun] | None) -> list[str]:
    runs = None if event is None else await runs_of_event(bus, event)
    if stuck is None:
        return [f"progress.*.{to_token(run)}" for run in runs or ()]
    return [
        f"progress.{to_token(run.workflow)}.{to_token(run.workflow_id)}"
        for run in stuck
        if runs is None or run.workflow_id in runs
    ]


async def _candidates(bus: Bus, selection: RunFilter) -> AsyncGenerator[StoredMessage]:
    """Yield the newest messages of runs, without bodies, newest first, each run once."""
    subject = f"progress.{to_pattern(selection.workflow)}.*"
    if selection.state is None and selection.key is None:
        messages = _each_run_once(bus, subject, selection)
    else:
        messages = _by_headers(bus, subject, selection)
    async for message in messages:
        if selection.since is not None and message.stored_at < selection.since:
            return
        if selection.until is None or message.stored_at < selection.until:
            yield message


async def _each_run_once(bus: Bus, subject: str, selection: RunFilter) -> AsyncGenerator[StoredMessage]:
    seen: set[str] = set()
    async for message in newest_headers(bus, subject, before=selection.before):
        if message.raw.subject not in seen:
            seen.add(message.raw.subject)
            yield message


async def _by_headers(bus: Bus, subject: str, selection: RunFilter) -> AsyncGenerator[StoredMessage]:
    found: OrderedDict[str, StoredMessage] = OrderedDict()
    async for message in bus.read_newest_headers(subject):
        found.pop(message.raw.subject, None)
        if selection.before is not None and message.sequence >= selection.before:
            continue
        kind, key = _kind(message), attribute(message.raw.headers, PARTITION_KEY)
        if (kind is None or selection.has_state(kind)) and selection.has_key(key):
            found[message.raw.subject] = message
        if len(found) > selection.limit + _SPARE:
            found.popitem(last=False)
    for message in reversed(found.values()):
        yield message


def _in_time(message: StoredMessage, selection: RunFilter) -> bool:
    return (selection.since is None or message.stored_at >= selection.since) and (
        selection.until is None or message.stored_at < selection.until
    )


def _kind(message: StoredMessage) -> str | None:
    """Return the kind of a fact by its message id, see ``Progress.message_id``; None if that does not say."""
    parts = (header(message.raw.headers, MESSAGE_ID) or "").split(".")
    return next((part for part in parts[-1:-3:-1] if part in _KINDS), None)
