"""Starts that wait where no route queues them any more: its flow control, or the route itself, is gone."""

import logging
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from perdure.bus.lease import Lease, Leases
from perdure.config.flow_control import Batch, FlowControl
from perdure.contracts import StartWorkflow
from perdure_ingest.flow_control.batcher import Batcher
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.releaser import Releaser
from perdure_ingest.flow_control.waiting import WaitingSubjects, journal_name

__all__ = ["Orphans"]

_NO_LIMITS: Final = FlowControl()
_EVERYTHING: Final = Batch(size=1_000, within=timedelta())

_log = logging.getLogger(__name__)


class Orphans:
    """Releases starts that wait under subjects of no configured route.

    Args:
        ports: The ports of this process.
        leases: The leases of this process.
        in_use: The subjects of the configured routes.
    """

    def __init__(self, ports: FlowPorts, leases: Leases[Lease], in_use: AbstractSet[WaitingSubjects]) -> None:
        self._ports = ports
        self._leases = leases
        self._in_use = in_use

    async def release(self) -> datetime | None:
        """Release all of them; returns when to call again, if another process leads such a route.

        Raises:
            Unavailable: NATS does not answer.
        """
        bus = self._ports.bus
        waiting = [*await bus.count_by_subject("waiting.>"), *await bus.count_by_subject("latest.>")]
        again = None
        for subjects in {WaitingSubjects.containing(subject) for subject in waiting} - self._in_use:
            _log.info("no route queues starts at %s any more: releasing those that wait there", subjects.pattern)
            if subjects.stage == "batch":
                await Batcher(subjects, _EVERYTHING, ports=self._ports, forward=self._publish).start_due()
            elif not await self._release_led(subjects):
                again = self._ports.clock.now() + self._leases.duration
        return again

    async def _release_led(self, subjects: WaitingSubjects) -> bool:
        """Release what waits there as its leader; returns whether another process is."""
        name = journal_name(subjects, self._in_use)
        lease = await self._leases.acquire(name, self._ports.clock.now())
        if lease is None:
            return False
        try:
            await Releaser(subjects, "", _NO_LIMITS, None, self._ports, journal=name).release_all()
        finally:
            await self._leases.release(name, lease, self._ports.clock.now())
        return True

    async def _publish(self, start: StartWorkflow, _key: str) -> None:
        await self._ports.bus.publish(start)
