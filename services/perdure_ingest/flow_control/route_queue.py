"""The queue of one route: events are collected into batches if the route has them, then released within its limits."""

from collections.abc import Coroutine
from typing import Final

from perdure.bus import Bus, KeyValue
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.flow_control import FlowControl
from perdure.contracts import StartWorkflow, to_token
from perdure.runtime.poller import Poller
from perdure.values.window import Window
from perdure_ingest.flow_control.batcher import Batcher
from perdure_ingest.flow_control.endings import has_ended, watch_endings
from perdure_ingest.flow_control.releaser import Releaser
from perdure_ingest.flow_control.waiting import WaitingSubjects, encode_start

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
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._workflow = workflow
        self._counts_open = flow.counts_open
        self._to_release = WaitingSubjects("latest" if flow.keeps_newest else "waiting", "start", to_token(route))
        self._releaser = Releaser(self._to_release, flow, window, bus=bus, entries=entries, ledger=ledger)
        self._releasing = Poller(self._releaser.release_due)
        self._to_batch = WaitingSubjects("waiting", "batch", to_token(route))
        self._batcher: Batcher | None = None
        if flow.batch is not None:
            self._batcher = Batcher(self._to_batch, flow.batch, bus=bus, entries=entries, forward=self._await_release)
            self._batching = Poller(self._batcher.start_due)

    @property
    def subjects(self) -> set[WaitingSubjects]:
        """Where starts of this route wait."""
        return {self._to_release, self._to_batch} if self._batcher else {self._to_release}

    async def enqueue(self, start: StartWorkflow, key: str) -> None:
        """Store a start in the waiting stream.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        if self._batcher is None:
            await self._await_release(start, key)
            return
        subject = self._to_batch.subject(start, key)
        claimed = await self._ledger.as_claimed(start)
        if await self._ledger.claim(claimed) is not Claim.DONE:
            await self._bus.publish_raw(encode_start(subject, claimed))
            await self._ledger.mark_started(claimed)
        self._batcher.mark_grown(subject)
        self._batching.wake()

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

    async def _await_release(self, start: StartWorkflow, key: str) -> None:
        await self._bus.publish_raw(encode_start(self._to_release.subject(start, key), start))
        self._releasing.wake()

    async def _find_missed_endings(self) -> None:
        """Free the slots of runs that ended while no process was subscribed."""
        for run in await self._releaser.open_runs():
            if await has_ended(self._bus, self._workflow, run):
                await self.run_ended(run)
