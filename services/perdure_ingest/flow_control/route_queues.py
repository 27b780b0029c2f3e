"""Takes admitted commands to the orchestrator: at once, or through the queue of a route with flow control."""

import logging
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.flow_control import Batch, FlowControl
from perdure.contracts import DeadLetter, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.runtime.poller import Poller
from perdure_ingest.admission import Admitted
from perdure_ingest.flow_control.batcher import Batcher
from perdure_ingest.flow_control.command_publisher import check_command, publish_command
from perdure_ingest.flow_control.endings import dead_lettered_start
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.flow_control.releaser import Releaser
from perdure_ingest.flow_control.route_queue import RouteQueue
from perdure_ingest.flow_control.waiting import WaitingSubjects
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["RouteQueues"]

_NO_LIMITS: Final = FlowControl()
_EVERYTHING: Final = Batch(size=1_000, within=timedelta())
_RELEASE_ORPHANS_EVERY: Final = 3_600.0  # seconds; a process with an older configuration must not undo newer limits

_log = logging.getLogger(__name__)


class RouteQueues:
    """The queues of all routes with flow control; any number of processes work on them."""

    def __init__(
        self, rules: Sequence[Rule], *, bus: Bus, entries: KeyValue, ledger: StartLedger, verdicts: VerdictLog
    ) -> None:
        self._bus = bus
        self._entries = entries
        self._ledger = ledger
        self._verdicts = verdicts
        self._queues = {rule.name: self._queue(rule) for rule in rules if rule.route.flow or rule.route.window}

    async def submit(self, admitted: Admitted) -> Placement:
        """Publish a command, or queue it; returns what became of it once it is stored.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        queue = self._queues.get(admitted.evaluation.route)
        if queue is None or not isinstance(admitted.command, StartWorkflow):
            reports = self._verdicts.reports(admitted.evaluation.route)
            return await publish_command(self._bus, self._ledger, admitted.command, reports=reports)
        return await queue.enqueue(admitted.command, admitted.evaluation.key)

    def check(self, admitted: Admitted) -> None:
        """Check whether NATS takes a command, and submit nothing.

        Raises:
            InvalidMessage: It takes no such message.
        """
        try:
            check_command(self._bus, admitted.command)
        except InvalidMessage as error:
            raise InvalidMessage(error.reason, f"Route {admitted.evaluation.route}: {error.detail}") from error

    def may_refuse(self, admitted: Admitted) -> bool:
        """Return whether submitting a command may refuse its event: what may is submitted before what may not."""
        queue = self._queues.get(admitted.evaluation.route)
        return queue is not None and queue.claims

    async def free_slot(self, message: StoredMessage) -> None:
        """Free the slot of a start that was dead-lettered.

        Args:
            message: The dead letter.

        Raises:
            Unavailable: NATS does not answer.
        """
        dead_letter = decode(message.raw)
        start = dead_lettered_start(dead_letter) if isinstance(dead_letter, DeadLetter) else None
        if start is not None and start.route in self._queues:
            await self._queues[start.route].run_ended(start.workflow_id)

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return the background tasks that release waiting starts for as long as the process lives."""
        orphans = Poller(self._release_orphans, every=_RELEASE_ORPHANS_EVERY)
        return [orphans.run(), *(duty for queue in self._queues.values() for duty in queue.duties())]

    def _queue(self, rule: Rule) -> RouteQueue:
        return RouteQueue(
            rule.name,
            rule.route.start or "",
            rule.route.flow or _NO_LIMITS,
            rule.route.window,
            bus=self._bus,
            entries=self._entries,
            ledger=self._ledger,
            verdicts=self._verdicts,
        )

    async def _release_orphans(self) -> None:
        """Release starts that wait where no route of this configuration queues them."""
        in_use = {subjects for queue in self._queues.values() for subjects in queue.subjects}
        waiting = [*await self._bus.count_by_subject("waiting.>"), *await self._bus.count_by_subject("latest.>")]
        for subjects in {WaitingSubjects.containing(subject) for subject in waiting} - in_use:
            _log.info("no route queues starts at %s any more: releasing those that wait there", subjects.pattern)
            if subjects.stage == "batch":
                await self._batcher(subjects).start_due()
            else:
                await self._releaser(subjects).release_due()

    def _batcher(self, subjects: WaitingSubjects) -> Batcher:
        return Batcher(
            subjects,
            _EVERYTHING,
            bus=self._bus,
            entries=self._entries,
            verdicts=self._verdicts,
            forward=self._publish,
        )

    def _releaser(self, subjects: WaitingSubjects) -> Releaser:
        return Releaser(
            subjects,
            _NO_LIMITS,
            None,
            bus=self._bus,
            entries=self._entries,
            ledger=self._ledger,
            verdicts=self._verdicts,
        )

    async def _publish(self, start: StartWorkflow, _key: str) -> None:
        await self._bus.publish(start)
