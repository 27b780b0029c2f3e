"""The slots of one route: a released start takes one, and the ending of its run frees it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from typing import Final

from perdure.bus import Bus, StoredMessage
from perdure.bus.topology import STREAMS
from perdure_ingest.flow_control.endings import is_ending
from perdure_ingest.flow_control.feed import Feed
from perdure_ingest.flow_control.open_runs import FreedSlot, OpenRun, OpenRuns

__all__ = ["Slots"]

_AT_ONCE: Final = 500  # newest facts that one request asks for
_FORGOTTEN: Final = STREAMS["PROGRESS"].max_age


class Slots:
    """The open runs of a route that this process leads.

    Args:
        bus: The bus.
        route: The route's name, as a token.
        progress: All new facts of all runs.
        freed: All new messages that free slots of dead-lettered starts.
        on_freed: Called with the key of each run that has ended.

    Attributes:
        open: The open runs.
    """

    def __init__(self, bus: Bus, route: str, *, progress: Feed, freed: Feed, on_freed: Callable[[str], None]) -> None:
        self.open = OpenRuns(bus, route)
        self._bus = bus
        self._freed_prefix = f"open.freed.{route}."
        self._progress = progress
        self._freed = freed
        self._on_freed = on_freed
        self._ended: list[OpenRun] = []
        self._used: list[StoredMessage] = []  # messages that have freed slots

    @property
    def position(self) -> int:
        """A sequence in PROGRESS: the endings up to it have freed their slots in memory."""
        return self._progress.position

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Free slots as runs end, for as long as the block lasts."""
        async with self._progress.followed(self._see_fact), self._freed.followed(self._see_freed):
            yield

    async def load(self) -> None:
        """Read the open runs that the last leader kept.

        Raises:
            Unavailable: NATS does not answer.
        """
        self._ended, self._used = [], []
        await self.open.load()

    async def catch_up(self, after: int, now: datetime) -> None:
        """Free the slots of runs that ended while no process watched.

        Args:
            after: Up to this sequence in PROGRESS the last leader saw all endings.
            now: The time of the server.

        Raises:
            Unavailable: NATS does not answer.
        """
        if len(self.open):
            async for message in self._bus.read_range("progress.>", first=after + 1, last=self.position):
                self._see_fact(message)
        await self.compare(now)
        for message in await self.open.freed():
            self._see_freed(message)

    async def compare(self, now: datetime) -> None:
        """Free the slots of those open runs whose newest fact is an ending, or of which PROGRESS has forgotten all.

        Raises:
            Unavailable: NATS does not answer.
        """
        runs = iter(list(self.open))
        while some := {run.progress_subject: run for run in islice(runs, _AT_ONCE)}:
            newest = {it.raw.subject: it for it in await self._bus.last_of(list(some))}
            for subject, run in some.items():
                message = newest.get(subject)
                if message is not None:
                    self._see_fact(message)
                elif run.stored_at is not None and now - run.stored_at > _FORGOTTEN:
                    self._end(run)

    async def settle(self) -> int:
        """Delete what is stored of the runs that have ended; returns the sequence in PROGRESS up to which that is done.

        Raises:
            Unavailable: NATS does not answer.
        """
        position, ended, used = self.position, self._ended, self._used
        self._ended, self._used = [], []
        await asyncio.gather(
            self.open.forget(ended), *(self._bus.delete(message.stream, message.sequence) for message in used)
        )
        return position

    def _see_fact(self, message: StoredMessage) -> None:
        run = self.open.get(message.raw.subject.rsplit(".", 1)[-1])
        if run is None or message.stored_at < run.since or message.raw.subject != run.progress_subject:
            return
        if is_ending(message):
            self._end(run)

    def _see_freed(self, message: StoredMessage) -> None:
        if not message.raw.subject.startswith(self._freed_prefix):
            return
        self._used.append(message)
        freed = FreedSlot.model_validate_json(message.raw.body)
        run = self.open.get(message.raw.subject.split(".")[3])
        if run is not None and (freed.event == run.event or (not run.event and not freed.repeats)):
            self._end(run)

    def _end(self, run: OpenRun) -> None:
        self.open.remove(run)
        self._ended.append(run)
        self._on_freed(run.key)
