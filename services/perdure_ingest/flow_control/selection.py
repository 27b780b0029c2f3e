"""Selects the waiting starts that a route may release now."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from perdure.bus import Bus, StoredMessage
from perdure.config.flow_control import FlowControl
from perdure.contracts import StartWorkflow, to_token
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import Action, CancelOpen, Occupancy, Release, Skip, Wait, next_action, next_start
from perdure_ingest.flow_control.lines import Lines
from perdure_ingest.flow_control.open_runs import OpenRun, OpenRuns
from perdure_ingest.flow_control.publication import Publication
from perdure_ingest.flow_control.waiting import WaitingSubjects, key_token, read_start

__all__ = ["Head", "Selection", "Selector"]

_MOST: Final = 64  # starts that are released together
_LARGEST: Final = 512 * 1024  # bytes of starts in a journal; NATS' own default limit is 1 MiB a message
_SETTLED: Final = 4_096  # sequences; a replica that lags may return a message that was deleted a moment ago
_NO_TIME: Final = timedelta()
_ASK_AGAIN: Final = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Head:
    """A start that is the first of its line.

    Attributes:
        message: The message that waits.
        start: The start that it holds.
        is_known: Whether it took effect before, or will be refused.
    """

    message: StoredMessage
    start: StartWorkflow
    is_known: bool


@dataclass(slots=True)
class Selection:
    """What may be done now.

    Attributes:
        released: Starts that take a slot.
        passed: Starts that take none.
        skipped: Starts that are dropped, each with the run of its key.
        cancels: Runs to cancel, each with the start that waits for its end.
        next_start: The start rate allows no release before (UTC), after these.
        until: When to select again; None: when something arrives or ends.
        size: Bytes of the starts that are released.
    """

    next_start: datetime | None
    released: list[Head] = field(default_factory=list)
    passed: list[Head] = field(default_factory=list)
    skipped: list[tuple[Head, str]] = field(default_factory=list)
    cancels: list[tuple[str, StartWorkflow]] = field(default_factory=list)
    until: datetime | None = None
    size: int = 0

    @property
    def count(self) -> int:
        """How many messages it settles."""
        return len(self.released) + len(self.passed) + len(self.skipped)


class Selector:
    """Selects by the limits of one route; counts what it selects as open."""

    def __init__(  # noqa: PLR0913 (the route's configuration, its state, and the ports)
        self,
        subjects: WaitingSubjects,
        flow: FlowControl,
        window: Window | None,
        *,
        lines: Lines,
        runs: OpenRuns,
        bus: Bus,
        publication: Publication,
    ) -> None:
        self._stream = subjects.stream
        self._flow = flow
        self._window = window
        self._lines = lines
        self._open = runs
        self._bus = bus
        self._publication = publication
        self._settled = OrderedDict[int, None]()

    async def select(self, last_start: datetime | None, now: datetime) -> Selection:
        """Take starts from their lines as long as the limits allow it.

        Args:
            last_start: ``next_start`` of the selection before.
            now: The time of the server.

        Raises:
            Unavailable: NATS does not answer; what is counted as open is wrong then.
        """
        selection, taken = Selection(last_start), dict[str, int]()
        due = self._lines.next_due(now)
        while (room := self._room(selection, now)) > 0 and (lines := self._lines.take(room)):
            heads = await self._heads(lines, taken, room, now)
            for place, line in enumerate(lines):
                if not self._decide(selection, line, heads[line], now):
                    for other in reversed(lines[place + 1 :]):
                        self._lines.put_back(other, first=True)
                    break
            else:
                continue
            break
        times = [time for time in (selection.until, due) if time is not None]
        selection.until = min(times, default=None)
        return selection

    def settled(self, selection: Selection) -> None:
        """Remember messages that are deleted."""
        for head in (*selection.released, *selection.passed, *(head for head, _ in selection.skipped)):
            self.ignore(head.message.sequence)

    def ignore(self, sequence: int) -> None:
        """Remember a message that is deleted."""
        self._settled[sequence] = None
        while len(self._settled) > _SETTLED:
            self._settled.popitem(last=False)

    def _room(self, selection: Selection, now: datetime) -> int:
        """Return how many starts to read at most; 0 if none can be released."""
        room = _MOST - selection.count
        if selection.size > _LARGEST:
            return 0
        if self._flow.singleton == "skip":
            return room
        blocked = next_action(
            Occupancy(len(self._open), next_start=selection.next_start), flow=self._flow, window=self._window, now=now
        )
        if isinstance(blocked, Wait):
            selection.until = blocked.until
            return 0
        if self._flow.max_open is not None:
            room = min(room, self._flow.max_open - len(self._open))
        return (
            room if self._flow.rate is None else min(room, 1 + int(timedelta(seconds=0.1) / self._flow.rate.interval))
        )

    async def _heads(
        self, lines: Sequence[str], taken: dict[str, int], room: int, now: datetime
    ) -> dict[str, list[Head]]:
        """Return the first starts of each line; a line with more is ready again, and an empty one is not."""
        count = 1 if self._flow.open_per_key is not None else room
        found = await asyncio.gather(
            *(self._bus.read_next(line, after=taken.get(line, 0), count=count) for line in lines)
        )
        fresh: dict[str, list[StoredMessage]] = {}
        for line, messages in zip(lines, found, strict=True):
            fresh[line] = [it for it in messages if it.sequence not in self._settled]
            if messages:
                taken[line] = messages[-1].sequence
                if not fresh[line]:
                    self._lines.delay(line, now + _ASK_AGAIN)
                elif messages[-1].pending:
                    self._lines.put_back(line)
        heads = await asyncio.gather(*(self._head(it) for messages in fresh.values() for it in messages))
        known = {head.message.sequence: head for head in heads if head is not None}
        return {
            line: [known[it.sequence] for it in messages if it.sequence in known] for line, messages in fresh.items()
        }

    async def _head(self, message: StoredMessage) -> Head | None:
        start = await read_start(message, self._bus)
        return None if start is None else Head(message, start, await self._publication.is_known(start))

    def _decide(self, selection: Selection, line: str, heads: Sequence[Head], now: datetime) -> bool:
        """Decide about the first starts of a line; returns False if the whole route waits."""
        for head in heads:
            quiet = head.message.stored_at + (self._flow.debounce or _NO_TIME)
            if quiet > now:
                self._lines.delay(line, quiet)
                return True
            match self._action(selection, head, now):
                case Wait(until=until, all=True):
                    selection.until = until
                    self._lines.put_back(line, first=True)
                    return False
                case Wait():
                    self._lines.block(line)
                    return True
                case CancelOpen(runs=runs):
                    selection.cancels += [(run, head.start) for run in runs]
                    self._lines.block(line)
                    return True
                case Skip(by=run):
                    selection.skipped.append((head, run))
                case Release() if self._would_overflow(selection, head):
                    self._lines.put_back(line, first=True)
                    return False
                case Release():
                    self._release(selection, head, now)
        return True

    def _would_overflow(self, selection: Selection, head: Head) -> bool:
        """Return whether a start would make the journal, which embeds what may be replaced, too large to store."""
        return self._stream == "latest" and 0 < selection.size > _LARGEST - len(head.message.raw.body)

    def _action(self, selection: Selection, head: Head, now: datetime) -> Action:
        if head.is_known or self._open.get(to_token(head.start.workflow_id)) is not None:
            return Release()
        key = key_token(head.message.raw.subject)
        rivals = () if self._flow.singleton is None else self._open.with_key(key)
        seen = Occupancy(len(self._open), self._open.count(key), rivals, selection.next_start)
        return next_action(seen, flow=self._flow, window=self._window, now=now)

    def _release(self, selection: Selection, head: Head, now: datetime) -> None:
        start, run = head.start, to_token(head.start.workflow_id)
        if head.is_known or self._open.get(run) is not None:
            selection.passed.append(head)
            return
        selection.released.append(head)
        selection.size += len(head.message.raw.body) if self._stream == "latest" else 0
        selection.next_start = next_start(selection.next_start, self._flow, now)
        if self._flow.counts_open:
            self._open.add(OpenRun.of(start, key_token(head.message.raw.subject), now))
