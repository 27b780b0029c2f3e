"""Takes admitted commands to the orchestrator: at once, or through the queue of a route with flow control."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage, decode
from perdure.bus.lease import Lease, Leases
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.flow_control import FlowControl
from perdure.contracts import DeadLetter, StartWorkflow
from perdure.contracts.held_starts import HeldStartReply
from perdure.errors import InvalidMessage
from perdure.runtime.poller import Poller
from perdure.runtime.server_clock import ServerClock
from perdure_ingest.admission import Admitted
from perdure_ingest.flow_control.command_publisher import check_command, publish_command
from perdure_ingest.flow_control.endings import freeing_message
from perdure_ingest.flow_control.feed import Feed
from perdure_ingest.flow_control.held_starts import HeldStarts
from perdure_ingest.flow_control.orphans import Orphans
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.route_queue import RouteQueue
from perdure_ingest.rules import Rule
from perdure_ingest.verdict_log import VerdictLog

__all__ = ["RouteQueues"]

_NO_LIMITS: Final = FlowControl()
_LEASE: Final = timedelta(seconds=10)  # after a kill, a route stands still for so long at most
_RELEASE_ORPHANS_EVERY: Final = 3_600.0  # seconds; a process with an older configuration must not undo newer limits


class RouteQueues:
    """The queues of all routes with flow control; any number of processes work on them.

    All processes accept starts. Each route is led by one of them, which releases its starts.

    Args:
        rules: The routes.
        bus: The bus.
        entries: The bucket FLOW.
        ledger: The starts that took effect.
        verdicts: Where verdicts are published.
        holder: The name of this process.
        clock: The time of the server, which this asks for again and again; by default one of its own.
    """

    def __init__(  # noqa: PLR0913 (one port each)
        self,
        rules: Sequence[Rule],
        *,
        bus: Bus,
        entries: KeyValue,
        ledger: StartLedger,
        verdicts: VerdictLog,
        holder: str,
        clock: ServerClock | None = None,
    ) -> None:
        self._ports = FlowPorts(
            bus,
            entries,
            ledger,
            verdicts,
            clock=clock or ServerClock(bus),
            progress=Feed(bus, "progress.>"),
            freed=Feed(bus, "open.freed.>"),
            arrivals={it: Feed(bus, f"{it}.start.>", bodies=False) for it in ("waiting", "latest")},
        )
        self._leases = Leases(entries, holder, Lease, duration=_LEASE)
        self._queues = {
            rule.name: RouteQueue(
                rule.name, rule.route.start or "", rule.route.flow or _NO_LIMITS, rule.route.window, self._ports
            )
            for rule in rules
            if rule.route.flow or rule.route.window
        }
        in_use = {it for queue in self._queues.values() for it in queue.subjects}
        self._orphans = Orphans(self._ports, self._leases, in_use)
        self._held = HeldStarts(self._ports, in_use)

    async def submit(self, admitted: Admitted) -> Placement:
        """Publish a command, or queue it; returns what became of it once it is stored.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: NATS does not answer.
        """
        queue = self._queues.get(admitted.evaluation.route)
        if queue is None or not isinstance(admitted.command, StartWorkflow):
            reports = self._ports.verdicts.reports(admitted.evaluation.route)
            return await publish_command(self._ports.bus, self._ports.ledger, admitted.command, reports=reports)
        return await queue.enqueue(admitted.command, admitted.evaluation.key)

    def check(self, admitted: Admitted) -> None:
        """Check whether NATS takes a command, and submit nothing.

        Raises:
            InvalidMessage: It takes no such message.
        """
        try:
            check_command(self._ports.bus, admitted.command)
        except InvalidMessage as error:
            raise InvalidMessage(error.reason, f"Route {admitted.evaluation.route}: {error.detail}") from error

    def may_refuse(self, admitted: Admitted) -> bool:
        """Return whether submitting a command may refuse its event: what may is submitted before what may not."""
        queue = self._queues.get(admitted.evaluation.route)
        return queue is not None and queue.claims

    async def cancel_held(self, workflow_id: str) -> HeldStartReply:
        """Drop the start of a run that waits in a queue; returns what became of it.

        Raises:
            Unavailable: NATS does not answer; do it again.
        """
        return await self._held.cancel(workflow_id)

    async def free_slot(self, message: StoredMessage) -> None:
        """Free the slot of a start that was dead-lettered, in whatever process leads its route.

        Args:
            message: The dead letter.

        Raises:
            Unavailable: NATS does not answer.
        """
        dead_letter = decode(message.raw)
        freeing = freeing_message(dead_letter) if isinstance(dead_letter, DeadLetter) else None
        if freeing is not None:
            route, raw = freeing
            if route in self._queues and self._queues[route].counts_open:
                await self._ports.bus.publish_raw(raw)

    def duties(self) -> list[Coroutine[None, None, None]]:
        """Return the background tasks that release waiting starts for as long as the process lives."""
        clock = self._ports.clock
        orphans = Poller(self._orphans.release, every=_RELEASE_ORPHANS_EVERY, now=clock.now)
        duties = [duty for queue in self._queues.values() for duty in queue.duties(self._leases)]
        return [
            clock.run(),
            *(feed.run() for feed in self._ports.feeds),
            *(_after(clock, duty) for duty in (orphans.run, *duties)),
        ]


async def _after(clock: ServerClock, duty: Callable[[], Coroutine[None, None, None]]) -> None:
    await clock.ready()
    await duty()
