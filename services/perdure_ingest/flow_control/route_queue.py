"""One route's way through the waiting streams: collected into batches, if it wants them, then let go."""

from collections.abc import Coroutine
from typing import Final

from perdure.bus import Bus, KeyValue
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.flow_control import FlowControl
from perdure.contracts import StartWorkflow, to_token
from perdure.runtime.poller import Poller
from perdure.values.window import Window
from perdure_ingest.flow_control.batching import Batches
from perdure_ingest.flow_control.endings import has_ended, listen_for_endings
from perdure_ingest.flow_control.release import Release
from perdure_ingest.flow_control.waiting import Place, wire_of

__all__ = ["RouteQueue"]

_LOOK_FOR_ENDINGS_EVERY: Final = 30.0  # seconds


class RouteQueue:
    """What waits of one route, and who looks after it."""

    def __init__(  # noqa: PLR0913 (what it goes by, and what it works on)
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
        self._place = Place("latest" if flow.keeps_newest else "waiting", "start", to_token(route))
        self._release = Release(self._place, flow, window, bus=bus, entries=entries, ledger=ledger)
        self._releasing = Poller(self._release.look)
        self._collected = Place("waiting", "batch", to_token(route))
        self._batches: Batches | None = None
        if flow.batch is not None:
            self._batches = Batches(self._collected, flow.batch, bus=bus, entries=entries, hand_on=self._wait)
            self._collecting = Poller(self._batches.look)

    @property
    def places(self) -> set[Place]:
        """Where starts of this route wait."""
        return {self._place, self._collected} if self._batches else {self._place}

    async def take(self, start: StartWorkflow, key: str) -> None:
        """Let a start wait; returns once that is durable.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        if self._batches is None:
            await self._wait(start, key)
            return
        subject = self._collected.subject(start, key)
        if await self._ledger.claim(start) is not Claim.DONE:
            await self._bus.publish_raw(wire_of(subject, start))
            await self._ledger.started(start)
        self._batches.has_grown(subject)
        self._collecting.wake()

    async def ended(self, run: str) -> None:
        """Let what waits have the room of a run that has ended.

        Raises:
            Unavailable: NATS does not answer.
        """
        if await self._release.ended(run):
            self._releasing.wake()

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return what is to be done for as long as the process lives."""
        duties = [self._releasing.run()]
        if self._batches is not None:
            duties.append(self._collecting.run())
        if self._counts_open:
            duties.append(listen_for_endings(self._bus, self._workflow, self.ended))
            duties.append(Poller(self._look_for_endings, every=_LOOK_FOR_ENDINGS_EVERY).run())
        return duties

    async def _wait(self, start: StartWorkflow, key: str) -> None:
        await self._bus.publish_raw(wire_of(self._place.subject(start, key), start))
        self._releasing.wake()

    async def _look_for_endings(self) -> None:
        """Find what has ended while nobody listened."""
        for run in await self._release.open_runs():
            if await has_ended(self._bus, self._workflow, run):
                await self.ended(run)
