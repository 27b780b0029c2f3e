"""Releases the waiting starts of one route, oldest first, as soon as its limits allow it."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from perdure.bus import StoredMessage
from perdure.config.flow_control import FlowControl
from perdure.contracts import CancelWorkflow, to_token
from perdure.errors import Unavailable
from perdure.values.window import Window
from perdure_ingest.flow_control.journal import Deposed, Journal, JournalStore, Releasing
from perdure_ingest.flow_control.lines import Lines
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.publication import Publication
from perdure_ingest.flow_control.selection import Selection, Selector
from perdure_ingest.flow_control.slots import Slots
from perdure_ingest.flow_control.takeover import Takeover
from perdure_ingest.flow_control.waiting import WaitingSubjects

__all__ = ["Releaser"]

_LOOK_EVERY: Final = 1.0  # seconds without anything to do
_LIST_EVERY: Final = 10.0  # seconds; a replica that lags may hide what has arrived
_COMPARE_EVERY: Final = 600.0  # seconds
_REPORT_EVERY: Final = 0.5  # seconds, after which the journal follows what has ended
_AGAIN_AFTER: Final = 1.0  # seconds after an error
_NEVER: Final = -math.inf
_REPLAYED: Final = 10_000  # facts that the next leader reads again, at most

_log = logging.getLogger(__name__)


class Releaser:
    """Leads one route: only one process at a time does, and the journal stops one that does not know yet.

    The open runs are in its memory; it changes nothing before the journal has the decision.

    Args:
        subjects: Where starts wait.
        workflow: What they start.
        flow: The limits.
        window: When runs may start.
        ports: The ports of this process.
        journal: The name of the journal, if it is not that of the route.
    """

    def __init__(  # noqa: PLR0913 (the route's configuration, and its ports)
        self,
        subjects: WaitingSubjects,
        workflow: str,
        flow: FlowControl,
        window: Window | None,
        ports: FlowPorts,
        *,
        journal: str | None = None,
    ) -> None:
        self._subjects = subjects
        self._counts_open = flow.counts_open
        self._bus = ports.bus
        self._clock = ports.clock
        self._is_paused = ports.is_paused
        self._arrivals = ports.arrivals[subjects.stream]
        self._lines = Lines(subjects, by_key=flow.open_per_key is not None)
        self._slots = Slots(
            ports.bus, subjects.route, progress=ports.progress, freed=ports.freed, on_freed=self._on_freed
        )
        self._publication = Publication(ports.bus, ports.ledger, ports.verdicts, ports.clock)
        self._selector = Selector(
            subjects,
            flow,
            window,
            lines=self._lines,
            runs=self._slots.open,
            bus=ports.bus,
            publication=self._publication,
        )
        self._store = JournalStore(ports.entries, journal or subjects.route)
        self._takeover = Takeover(
            ports.bus,
            self._store,
            self._slots,
            self._publication,
            workflow=to_token(workflow),
            counts_open=flow.counts_open,
        )
        self._journal = Journal()
        self._stored_at = self._listed_at = self._compared_at = _NEVER
        self._woken = asyncio.Event()
        self._has_released = False  # since it took over

    async def lead(self) -> None:
        """Release starts for as long as this process leads the route; errors are logged."""
        async with self._watching():
            while True:
                try:
                    await self._take_over()
                    while True:
                        self._woken.clear()
                        await self._wait(await self.release_due())
                except Unavailable as error:
                    _log.warning("%s; %s is taken over again", error, self._subjects.pattern)
                    if isinstance(error, Deposed) and self._has_released:  # by a cancellation, if it leads still
                        continue
                except Exception:  # noqa: BLE001 (the boundary: a defect is logged and must not end the releasing)
                    _log.exception("releasing %s failed; it is taken over again", self._subjects.pattern)
                await asyncio.sleep(_AGAIN_AFTER)

    async def release_all(self) -> None:
        """Release every start that waits now.

        Raises:
            Unavailable: NATS does not answer, or another process leads the route.
        """
        async with self._watching():
            await self._take_over()
            while (due := await self.release_due()) is not None:
                await self._wait(due)

    async def release_due(self) -> datetime | None:
        """Release every start that the limits allow; returns when to call again, if that is known.

        Raises:
            Unavailable: NATS does not answer, or another process leads the route: take it over again.
        """
        if self._is_paused(self._subjects.route):
            return None
        await self._list_lines()
        while True:
            position = await self._slots.settle()
            now = self._clock.now()
            selection = await self._selector.select(self._journal.next_start, now)
            if selection.count:
                await self._carry_out(selection, position, now)
                continue
            await self._cancel(selection)
            await self._report(position, now)
            return selection.until

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self._counts_open:
                await stack.enter_async_context(self._slots.watched())
            await stack.enter_async_context(self._arrivals.followed(self._on_arrival))
            yield

    async def _take_over(self) -> None:
        self._lines.clear()
        self._has_released = False
        self._listed_at, self._compared_at = _NEVER, time.monotonic()
        self._journal = await self._takeover.run(self._clock.now())
        if self._journal.cancelling is not None:
            self._selector.ignore(self._journal.cancelling.sequence)

    async def _list_lines(self) -> None:
        """Note where starts wait; from time to time compare the open runs with facts, and look for an older release."""
        now = time.monotonic()
        if now - self._listed_at >= _LIST_EVERY:
            self._lines.arrived(await self._bus.count_by_subject(self._subjects.pattern))
            self._listed_at = now
        if self._counts_open and now - self._compared_at >= _COMPARE_EVERY:
            await self._slots.compare(self._clock.now())
            self._compared_at = now
            if await self._store.former() is not None:
                raise Deposed("A process of an older release has released starts, too")

    async def _carry_out(self, selection: Selection, position: int, now: datetime) -> None:
        """Store the decision, then let it happen."""
        await self._replace(selection, position, now)
        while True:
            try:
                await self._let_happen(selection)
            except Unavailable as error:  # the journal has it, and nothing of it has an effect a second time
                _log.warning("%s; the release is continued", error)
                await asyncio.sleep(_AGAIN_AFTER)
            else:
                self._has_released = True
                return

    async def _let_happen(self, selection: Selection) -> None:
        if self._counts_open:
            runs = [self._slots.open.get(to_token(head.start.workflow_id)) for head in selection.released]
            await self._slots.open.keep(run for run in runs if run is not None and not run.sequence)
        await asyncio.gather(
            *(self._publication.release(head.message, head.start) for head in selection.released),
            *(self._publication.pass_on(head.message, head.start) for head in selection.passed),
            *(self._publication.skip(head.message, head.start, run) for head, run in selection.skipped),
        )
        self._selector.settled(selection)
        await self._cancel(selection)

    async def _cancel(self, selection: Selection) -> None:
        await asyncio.gather(
            *(
                self._bus.publish(CancelWorkflow(workflow=start.workflow, workflow_id=run, instead=start.workflow_id))
                for run, start in selection.cancels
            )
        )

    async def _replace(self, selection: Selection, position: int, now: datetime) -> None:
        replaceable = self._subjects.stream == "latest"
        batch = tuple(
            Releasing(
                subject=head.message.raw.subject,
                sequence=head.message.sequence,
                command=head.start if replaceable else None,
            )
            for head in selection.released
        )
        self._journal = self._journal.model_copy(
            update={
                "at": now,
                "after": position,
                "open": len(self._slots.open),
                "next_start": selection.next_start,
                "batch": batch,
                "cancelling": None,
            }
        )
        await self._store.replace(self._journal)
        self._stored_at = time.monotonic()

    async def _report(self, position: int, now: datetime) -> None:
        """Store how many runs are open, for the verdicts of other processes, and where the next leader begins."""
        behind = len(self._slots.open) > 0 and position - self._journal.after > _REPLAYED
        changed = len(self._slots.open) != self._journal.open
        repeatable = any(it.command is not None for it in self._journal.batch)  # a takeover would publish it again
        if (behind or changed or repeatable) and time.monotonic() - self._stored_at >= _REPORT_EVERY:
            await self._replace(Selection(self._journal.next_start), position, now)

    async def _wait(self, due: datetime | None) -> None:
        seconds = _LOOK_EVERY if due is None else min(_LOOK_EVERY, (due - self._clock.now()).total_seconds())
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._woken.wait()

    def _on_freed(self, key: str) -> None:
        self._lines.unblock(key)
        self._woken.set()

    def _on_arrival(self, message: StoredMessage) -> None:
        if message.raw.subject.split(".")[1:3] == [self._subjects.stage, self._subjects.route]:
            self._lines.arrived([message.raw.subject])
            self._woken.set()
