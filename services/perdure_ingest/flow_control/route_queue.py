"""The queue of one route: events are collected into batches if the route has them, then released within its limits."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial

from perdure.bus import Storage, StoredMessage
from perdure.bus.leadership import lead
from perdure.bus.lease import Lease, Leases
from perdure.bus.views.start_ledger import Claim
from perdure.config.flow_control import FlowControl
from perdure.contracts import EventVerdict, StartWorkflow, to_token
from perdure.runtime.poller import Poller
from perdure.values.window import Window
from perdure_ingest.flow_control.batcher import Batcher
from perdure_ingest.flow_control.command_publisher import check_command, refused_or_repeated
from perdure_ingest.flow_control.line_place import LinePlace
from perdure_ingest.flow_control.placement import AS_PLANNED, Placement
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.releaser import Releaser
from perdure_ingest.flow_control.repetitions import Repetitions
from perdure_ingest.flow_control.waiting import WaitingSubjects, encode_start, read_start, replaced_by
from perdure_ingest.verdict_log import other_event

__all__ = ["RouteQueue"]


class RouteQueue:
    """The waiting starts of one route.

    Attributes:
        counts_open: Whether a start takes a slot.
    """

    def __init__(self, route: str, workflow: str, flow: FlowControl, window: Window | None, ports: FlowPorts) -> None:
        self.counts_open = flow.counts_open
        self._bus = ports.bus
        self._ledger = ports.ledger
        self._verdicts = ports.verdicts
        self._clock = ports.clock
        self._repetitions = Repetitions(ports.bus, ports.ledger, ports.verdicts)
        self._reports = ports.verdicts.reports(route)
        self._keeps_newest = flow.keeps_newest
        self._to_release = WaitingSubjects("latest" if flow.keeps_newest else "waiting", "start", to_token(route))
        self._releaser = Releaser(self._to_release, workflow, flow, window, ports)
        self._place = LinePlace(self._to_release, flow, window, ports)
        self._to_batch = WaitingSubjects("waiting", "batch", to_token(route))
        self._batcher: Batcher | None = None
        if flow.batch is not None:
            self._batcher = Batcher(self._to_batch, flow.batch, ports=ports, forward=self._await_release)
            self._batching = Poller(self._batcher.start_due, now=ports.clock.now)

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
            InvalidMessage: An event with the same id and other data came first, or NATS will not take its command.
            Unavailable: NATS does not answer.
        """
        check_command(self._bus, start)
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
        return await self._place.find(self._to_release.subject(start, key))

    async def _repeated(self, start: StartWorkflow, stored: Storage, subjects: WaitingSubjects) -> Placement:
        if not stored.duplicate:
            return AS_PLANNED
        return await self._repetitions.find(start, stored, stream=subjects.stream.upper())

    def duties(self, leases: Leases[Lease]) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Return the background tasks of this route."""
        leading = partial(lead, leases, self._to_release.route, [self._releaser.lead], now=self._clock.now)
        return [leading] if self._batcher is None else [leading, self._batching.run]

    async def _await_release(self, start: StartWorkflow, key: str) -> Storage:
        """Store a start until its release; returns where it waits, or waited before."""
        subject = self._to_release.subject(start, key)
        if self._keeps_newest and (self._reports or start.event.backfill):
            stored = await self._replace(subject, start)
        else:
            stored = await self._bus.store(encode_start(subject, start))
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
