"""The queue of one route: events are collected into batches if the route has them, then released within its limits."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Final

from perdure.bus import Bus, KeyValue, Storage, StoredMessage
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.flow_control import FlowControl
from perdure.contracts import EventVerdict, StartWorkflow, to_token
from perdure.runtime.poller import Poller
from perdure.values.window import Window
from perdure_ingest.flow_control.batcher import Batcher
from perdure_ingest.flow_control.command_publisher import refused_or_repeated
from perdure_ingest.flow_control.endings import has_ended, watch_endings
from perdure_ingest.flow_control.placement import AS_PLANNED, Placement
from perdure_ingest.flow_control.releaser import Releaser
from perdure_ingest.flow_control.repetitions import Repetitions
from perdure_ingest.flow_control.waiting import WaitingSubjects, encode_start, read_start, replaced_by
from perdure_ingest.verdict_log import VerdictLog, other_event

__all__ = ["RouteQueue"]

_LOOK_FOR_ENDINGS_EVERY: Final = 30.0  # seconds


class RouteQueue:
    """The waiting starts of one route."""

    def __init__(  # noqa: PLR0913 (the route's configuration, and the ports)
        self,
        route: str,
        workflow: str,
        flow: FlowControl,
        window: Window | None,
        *,
        bus: Bus,
        entries: KeyValue,
        ledger: StartLedger,
        verdicts: VerdictLog,
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._verdicts = verdicts
        self._repetitions = Repetitions(bus, ledger, verdicts)
        self._reports = verdicts.reports(route)
        self._keeps_newest = flow.keeps_newest
        self._workflow = workflow
        self._counts_open = flow.counts_open
        self._to_release = WaitingSubjects("latest" if flow.keeps_newest else "waiting", "start", to_token(route))
        self._releaser = Releaser(
            self._to_release, flow, window, bus=bus, entries=entries, ledger=ledger, verdicts=verdicts
        )
        self._releasing = Poller(self._releaser.release_due)
        self._to_batch = WaitingSubjects("waiting", "batch", to_token(route))
        self._batcher: Batcher | None = None
        if flow.batch is not None:
            self._batcher = Batcher(
                self._to_batch, flow.batch, bus=bus, entries=entries, verdicts=verdicts, forward=self._await_release
            )
            self._batching = Poller(self._batcher.start_due)

    @property
    def subjects(self) -> set[WaitingSubjects]:
        """Where starts of this route wait."""
        return {self._to_release, self._to_batch} if self._batcher else {self._to_release}

    @property
    def claims(self) -> bool:
        """Whether an event is claimed in the start ledger before it waits."""
        return self._batcher is not None

    async def enqueue(self, start: StartWorkflow, key: str) -> Placement:
        """Store a start in the waiting stream; returns what holds it.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        if self._batcher is None:
            stored = await self._await_release(start, key)
            return await self._placement(start, key, stored) if self._reports or start.event.backfill else AS_PLANNED
        return await self._collect(start, key, self._batcher)

    async def _collect(self, start: StartWorkflow, key: str, batcher: Batcher) -> Placement:
        subject = self._to_batch.subject(start, key)
        claimed = await self._ledger.as_claimed(start)
        if await self._ledger.claim(claimed) is Claim.DONE:
            repeated = (
                replace(await refused_or_repeated(self._ledger, start), run=None) if self._reports else AS_PLANNED
            )
        else:
            stored = await self._bus.store(encode_start(subject, claimed))
            await self._ledger.mark_started(claimed)
            repeated = await self._repeated(start, stored, self._to_batch) if self._reports else AS_PLANNED
        batcher.mark_grown(subject)
        self._batching.wake()
        if not self._reports or repeated != AS_PLANNED:
            return repeated
        return Placement("batch", (await self._bus.count_by_subject(subject)).get(subject, 1))

    async def _placement(self, start: StartWorkflow, key: str, stored: Storage) -> Placement:
        """Return what holds a start that waits for its release, or which event had it before."""
        repeated = await self._repeated(start, stored, self._to_release)
        if repeated != AS_PLANNED:
            return repeated
        return await self._releaser.placement(self._to_release.subject(start, key), start)

    async def _repeated(self, start: StartWorkflow, stored: Storage, subjects: WaitingSubjects) -> Placement:
        if not stored.duplicate:
            return AS_PLANNED
        return await self._repetitions.find(start, stored, stream=subjects.stream.upper())

    async def run_ended(self, run: str) -> None:
        """Free the slot of a run that has ended, for the next waiting start.

        Raises:
            Unavailable: NATS does not answer.
        """
        if await self._releaser.run_ended(run):
            self._releasing.wake()

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return the background tasks of this route."""
        duties = [self._releasing.run()]
        if self._batcher is not None:
            duties.append(self._batching.run())
        if self._counts_open:
            duties.append(watch_endings(self._bus, self._workflow, self.run_ended))
            duties.append(Poller(self._find_missed_endings, every=_LOOK_FOR_ENDINGS_EVERY).run())
        return duties

    async def _await_release(self, start: StartWorkflow, key: str) -> Storage:
        """Store a start until its release; returns where it waits, or waited before."""
        subject = self._to_release.subject(start, key)
        if self._keeps_newest and (self._reports or start.event.backfill):
            stored = await self._replace(subject, start)
        else:
            stored = await self._bus.store(encode_start(subject, start))
        self._releasing.wake()
        return stored

    async def _replace(self, subject: str, start: StartWorkflow) -> Storage:
        """Store a start in the place of the one that waits, and publish the verdict on that one.

        Only the newest message of the subject is replaced, so that no process takes the place of a start unseen. One of
        a backfill replaces no newer event.
        """
        while True:
            waiting = await self._bus.last(subject)
            if waiting is not None and start.event.backfill and await self._is_newer(waiting, start):
                return Storage(waiting.sequence, duplicate=True)
            replaced = None if waiting is None else await self._replaced(waiting, start)
            raw = encode_start(subject, start, replaced)
            stored = await self._bus.store_after(raw, last=0 if waiting is None else waiting.sequence)
            if stored is None:
                continue  # another start came first
            if replaced is not None and not stored.duplicate:
                await self._verdicts.publish_changes([replaced])
            return stored

    async def _is_newer(self, waiting: StoredMessage, start: StartWorkflow) -> bool:
        other = await read_start(waiting, self._bus)
        return other is not None and other.event.stream_sequence > start.event.stream_sequence

    async def _replaced(self, waiting: StoredMessage, start: StartWorkflow) -> EventVerdict | None:
        """Return the verdict on a start that is to be replaced, after that on the one that it replaced itself."""
        await self._verdicts.publish_changes(replaced_by(waiting))
        older = await read_start(waiting, self._bus)
        if older is None or older.message_id == start.message_id:
            return None
        newer = other_event(start)
        detail = f"EVENTS {newer.stream_sequence} has its key, and is newer"
        return self._verdicts.change(older, "debounced_into", other=newer, detail=detail)

    async def _find_missed_endings(self) -> None:
        """Free the slots of runs that ended while no process was subscribed."""
        for run in await self._releaser.open_runs():
            if await has_ended(self._bus, self._workflow, run):
                await self.run_ended(run)
