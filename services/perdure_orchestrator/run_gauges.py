"""Open runs by version, and runs that wait for mended code, as metrics."""

from collections.abc import Iterable

from prometheus_client import Metric
from temporalio.client import Client

from perdure.builds.version import Version
from perdure.bus import Bus
from perdure.telemetry.catalogue import CURRENT_VERSION, OPEN_RUNS, STUCK_RUNS
from perdure.versions.version_runs import VersionRuns
from perdure_orchestrator.own_version import OwnVersion

__all__ = ["RunGauges"]


class RunGauges:
    """Looks up the runs of a task queue.

    Args:
        client: The client of Temporal.
        bus: Where the runs are that wait.
        task_queue: The task queue.
        version: The version of this process; None if it has none.
        own: What is known about it.
    """

    def __init__(self, client: Client, bus: Bus, task_queue: str, version: Version | None, own: OwnVersion) -> None:
        self._runs = None if version is None else VersionRuns(client, version.deployment, task_queue)
        self._bus = bus
        self._version = version
        self._own = own

    async def versions(self) -> Iterable[Metric]:
        """Return the open runs of the own version and those it sees elsewhere; nothing without versions.

        Raises:
            RPCError: Temporal does not answer.
        """
        if self._version is None or self._runs is None:
            return []
        build, open_runs, current = self._version.build, OPEN_RUNS.gauge(), CURRENT_VERSION.gauge()
        for other, count in {**self._own.elsewhere, build: await self._runs.count(build)}.items():
            open_runs.add_metric([other], count)
        current.add_metric([build], int(self._own.is_current))
        return [open_runs, current]

    async def stuck(self) -> Iterable[Metric]:
        """Return how many runs wait for mended code.

        Raises:
            Unavailable: NATS does not answer.
        """
        return [STUCK_RUNS.value(sum((await self._bus.count_by_subject("stuck.>")).values()))]
