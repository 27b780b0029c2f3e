"""From admission to the orchestrator: at once, or through the waiting streams where a route has flow control."""

import logging
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.flow_control import Batch, FlowControl
from perdure.contracts import DeadLetter, StartWorkflow
from perdure.runtime.poller import Poller
from perdure_ingest.admission import Admitted
from perdure_ingest.flow_control.batching import Batches
from perdure_ingest.flow_control.endings import given_up
from perdure_ingest.flow_control.release import Release
from perdure_ingest.flow_control.route_queue import RouteQueue
from perdure_ingest.flow_control.waiting import Place
from perdure_ingest.rules import Rule

__all__ = ["Handover"]

_NO_LIMITS: Final = FlowControl()
_ALL: Final = Batch(size=1_000, within=timedelta())
_LOOK_FOR_LEFT_EVERY: Final = (
    3_600.0  # seconds: a process with an older configuration must not undo a newer one's limits
)

_log = logging.getLogger(__name__)


class Handover:
    """The way on from admission; one a process, and any number of processes."""

    def __init__(self, rules: Sequence[Rule], *, bus: Bus, entries: KeyValue, ledger: StartLedger) -> None:
        self._bus = bus
        self._entries = entries
        self._ledger = ledger
        self._lanes = {rule.name: self._lane(rule) for rule in rules if rule.route.flow or rule.route.window}

    async def take(self, admitted: Admitted) -> None:
        """Hand a command on; returns once it is durable where it goes or waits.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        lane = self._lanes.get(admitted.rule.name)
        if lane is None or not isinstance(admitted.command, StartWorkflow):
            await self._bus.publish(admitted.command)
        else:
            await lane.take(admitted.command, admitted.key)

    async def return_dead_letter(self, heard: StoredMessage) -> None:
        """Hear a dead letter: a start that will not happen makes room."""
        letter = decode(heard.raw)
        start = given_up(letter) if isinstance(letter, DeadLetter) else None
        if start is not None and start.route in self._lanes:
            await self._lanes[start.route].ended(start.workflow_id)

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return what is to be done for as long as the process lives: what waits is let go."""
        leftovers = Poller(self._let_go_what_was_left, every=_LOOK_FOR_LEFT_EVERY)
        return [leftovers.run(), *(duty for lane in self._lanes.values() for duty in lane.duties())]

    def _lane(self, rule: Rule) -> RouteQueue:
        return RouteQueue(
            rule.name,
            rule.route.start or "",
            rule.route.flow or _NO_LIMITS,
            rule.route.window,
            bus=self._bus,
            entries=self._entries,
            ledger=self._ledger,
        )

    async def _let_go_what_was_left(self) -> None:
        """Let go what waits of routes that are gone, or that have no such flow control any more."""
        known = {place for lane in self._lanes.values() for place in lane.places}
        waiting = [*await self._bus.count_by_subject("waiting.>"), *await self._bus.count_by_subject("latest.>")]
        for place in {Place.read(subject) for subject in waiting} - known:
            _log.info("what was left waiting at %s goes now", place.everything)
            if place.stage == "batch":
                await Batches(place, _ALL, bus=self._bus, entries=self._entries, hand_on=self._say).look()
            else:
                await Release(place, _NO_LIMITS, None, bus=self._bus, entries=self._entries, ledger=self._ledger).look()

    async def _say(self, start: StartWorkflow, _key: str) -> None:
        await self._bus.publish(start)
