"""Whether Temporal starts new runs on this process's code; the first version of all makes itself the current one."""

import asyncio
import logging
import time
from typing import Final

from pydantic import JsonValue
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.builds.version import Version
from perdure.bus.duty import Duty
from perdure.bus.port import Bus
from perdure.bus.views.version_records import VersionRecords
from perdure.contracts import VersionChanged
from perdure.errors import Unavailable
from perdure.versions.deployment import WorkerDeployment
from perdure.versions.task_queue import describe_task_queue
from perdure.versions.version_runs import VersionRuns

__all__ = ["OwnVersion"]

_LOOKS_EVERY: Final = 1.0  # seconds; for as long, an eager start may still begin on a version that was current
_COUNTS_EVERY: Final = 3.0  # seconds
_TRIES_EVERY: Final = 0.2  # seconds, until there is a current version: Temporal limits such requests to some a second

_BY: Final = "perdure/orchestrator"
"""Who promotes the first version, for Temporal and on ADMIN."""

_NOT_YET: Final = {  # until a worker has polled, or if another process was faster
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.RESOURCE_EXHAUSTED,
}

_log = logging.getLogger(__name__)


class OwnVersion:
    """Looks at where Temporal routes the new runs of the own task queue.

    Args:
        client: The client of Temporal.
        task_queue: The own task queue.
        version: The version of this process; None if it has none, so that Temporal starts new runs on any worker.
        has_worker: Whether a worker of this version runs in this process.
        bus: Where it is recorded that the first version promoted itself.

    Attributes:
        duty: Is on while new runs start on this version, as of the last look: then its bridge takes messages.
        current: The build on which they start; None as long as there is none, or it is not known.
        is_recorded: Whether nothing is left to be put on ADMIN about this version.
        open_runs: How many runs are open on this version; None if it is the current one, or that is not known.
        elsewhere: How many runs are open on each other version, if this is the current one.
    """

    def __init__(self, client: Client, task_queue: str, version: Version | None, *, has_worker: bool, bus: Bus) -> None:
        self._client = client
        self._queue = task_queue
        self._version = version
        self._has_worker = has_worker
        self._records = VersionRecords(bus)
        self.is_recorded = not has_worker
        self.duty = Duty(on=version is None)
        self.current: str | None = None
        self.open_runs: int | None = None
        self.elsewhere: dict[str, int] = {}
        self._counted_at = -_COUNTS_EVERY
        self._is_known = version is None

    @property
    def is_current(self) -> bool:
        """Whether new runs start on this version, as of the last look."""
        return self.duty.is_on

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What the process answers when it is asked about its version."""
        build = None if self._version is None else self._version.build
        return {
            "build": build,
            "current": self.current,
            "is_current": self.is_current,
            "open_runs": self.open_runs,
            "elsewhere": {**self.elsewhere},
        }

    async def is_known(self) -> bool:
        """Whether it is known where new runs start: from then on, the bridge of the current version takes messages."""
        return self._is_known

    async def watch(self) -> None:
        """Look for ever, if there is a version; make it the current one if there is none."""
        while self._version is not None:
            pause = _LOOKS_EVERY
            try:
                if await self._look(self._version) is None and self._has_worker:
                    await self._become_first(self._version)
                    pause = _TRIES_EVERY
                elif self.is_current and not self.is_recorded:
                    await self._record_first(self._version)
            except Unavailable as error:
                _log.warning("cannot record now that the own version is current, trying again: %s", error)
            except RPCError as error:
                if error.status is RPCStatusCode.UNIMPLEMENTED:  # Temporal's test server
                    self._version, self._is_known = None, True
                    self.duty.set(on=True)
                elif error.status in _NOT_YET:
                    pause = _TRIES_EVERY
                else:
                    _log.warning("cannot look at the own version now, trying again: %s", error)
            await asyncio.sleep(pause)

    async def _look(self, version: Version) -> str | None:
        """Return the build that is current, if any is."""
        found = (await describe_task_queue(self._client, self._queue)).versioning_info
        current = found.current_deployment_version
        self.duty.set(on=(current.deployment_name, current.build_id) == (version.deployment, version.build))
        self.current = current.build_id or None
        self._is_known = self._is_known or self.current is not None
        await self._count(version)
        return self.current

    async def _count(self, version: Version) -> None:
        self.open_runs = None  # a count of before does not hold if this one fails
        runs = VersionRuns(self._client, version.deployment, self._queue)
        if not self.is_current:
            self.elsewhere = {}
            self.open_runs = await runs.count(version.build)
        elif (now := time.monotonic()) - self._counted_at >= _COUNTS_EVERY:
            self.elsewhere = await self._count_elsewhere(version, runs)
            self._counted_at = now

    async def _count_elsewhere(self, version: Version, runs: VersionRuns) -> dict[str, int]:
        if not await runs.count_elsewhere(version.build):
            return {}
        routing = await WorkerDeployment(self._client, version.deployment, self._queue).routing()
        others = [build for build in routing.builds if build != version.build]
        counts = await asyncio.gather(*map(runs.count, others))
        return {build: count for build, count in zip(others, counts, strict=True) if count}

    async def _become_first(self, version: Version) -> None:
        """Make the own version current, unless another is, or becomes so meanwhile."""
        deployment = WorkerDeployment(self._client, version.deployment, self._queue)
        routing = await deployment.routing()
        is_ramping = any(it.state == "ramping" for it in routing.versions)
        self._is_known = self._is_known or is_ramping
        if not routing.builds or routing.current or is_ramping:
            return  # the task queue will know it in a moment
        await deployment.set_current(version.build, by=_BY, token=routing.token)
        _log.info("%s is the first version of %s, and current now", version.build, version.deployment)

    async def _record_first(self, version: Version) -> None:
        """Record that the own version became the first one, also if a process before this was killed as it did so."""
        routing = await WorkerDeployment(self._client, version.deployment, self._queue).routing()
        if routing.current == version.build and routing.former is None and routing.changed_at is not None:
            by, at = routing.changed_by or _BY, routing.changed_at
            await self._records.add(
                VersionChanged(act="promoted", deployment=version.deployment, build=version.build, by=by, at=at)
            )
        self.is_recorded = True
