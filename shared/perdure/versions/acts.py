"""What people do with versions: list, promote, go back, retire. Each act may be repeated after a crash."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.errors import NotFound, Pending, PerdureError
from perdure.values.nearest import nearest
from perdure.values.version_request import VersionAnswer
from perdure.versions.deployment import Routing, WorkerDeployment
from perdure.versions.version_runs import VersionRuns

__all__ = ["VersionActs"]

_POLL_EVERY: Final = 0.2  # seconds
_NAMED: Final = 3  # runs that a sentence names


class VersionActs:
    """The acts on the versions of one deployment.

    Args:
        client: The client of Temporal.
        deployment: Name of the deployment.
        task_queue: The task queue of its workers.
        by: Who acts; Temporal keeps it.
    """

    def __init__(self, client: Client, deployment: str, task_queue: str, *, by: str) -> None:
        self._deployment = WorkerDeployment(client, deployment, task_queue)
        self._runs = VersionRuns(client, deployment, task_queue)
        self.by = by

    async def list(self) -> VersionAnswer:
        """Return all versions with their open runs.

        Raises:
            RPCError: Temporal does not answer.
        """
        routing = await self._deployment.routing()
        following, *counts = await asyncio.gather(
            self._runs.count_following(), *(self._runs.count(build) for build in (None, *routing.builds))
        )
        counted = zip(routing.versions, counts[1:], strict=True)
        return VersionAnswer(
            deployment=self._deployment.name,
            versions=tuple(version.model_copy(update={"open_runs": runs}) for version, runs in counted),
            unversioned=counts[0],
            following=following,
        )

    async def current(self) -> str | None:
        """Return the build on which new runs start.

        Raises:
            RPCError: Temporal does not answer.
        """
        return (await self._deployment.routing()).current

    async def promote(self, build: str, *, within: float, after: tuple[str | None] | None = None) -> VersionAnswer:
        """Let new runs start on a version. Open runs stay where they are; those without a version go to that before.

        Args:
            build: The version.
            within: Seconds to wait for a worker of it.
            after: The build that was current when this was decided, if that counts.

        Raises:
            NotFound: There is no such version.
            PerdureError: No worker of it polls: new runs would wait. Or another version was promoted meanwhile.
            RPCError: Temporal does not answer.
        """
        routing = await self._polled(build, within)
        if routing.current == build:
            return self._promoted(routing, routing.former, changed=False, left=0)
        if after is not None:
            self._refuse_another(build, *after, routing)
        if routing.current is not None:
            await self._runs.adopt(routing.current, within=within)
        await self._set_current(build, routing, within)
        left = 0 if routing.current is None else await self._runs.count(routing.current)
        return self._promoted(await self._deployment.routing(), routing.current, changed=True, left=left)

    async def rollback(self, build: str | None, *, within: float) -> VersionAnswer:
        """Promote the version that was current before.

        Args:
            build: Do nothing if this one is not current any more.
            within: Seconds to wait for a worker of the version before.

        Raises:
            NotFound: There is no version before.
            PerdureError: No worker of it polls.
            RPCError: Temporal does not answer.
        """
        routing = await self._deployment.routing()
        if build is not None and build != routing.current:
            self._refuse_unknown(build, routing)
            return self._promoted(routing, build, changed=False, left=0)
        if routing.former is None:
            raise NotFound(f"No version was current before {routing.current or 'any'}: there is none to go back to.")
        return await self.promote(routing.former, within=within)

    async def retire(self, build: str) -> VersionAnswer:
        """Let Temporal forget a version that has no open run.

        Raises:
            NotFound: There is no such version.
            PerdureError: It is current, or runs are open on it.
            Pending: A worker of it polled within the last five minutes.
            RPCError: Temporal does not answer.
        """
        routing = await self._deployment.routing()
        self._refuse_unknown(build, routing)
        if next(it.state for it in routing.versions if it.build == build) in {"current", "ramping"}:
            raise PerdureError(f"New runs start on {build}: promote another version first.")
        if count := await self._runs.count(build):
            raise PerdureError(await self._still_open(build, count))
        if not await self._deployment.delete(build, by=self.by):
            raise Pending(
                f"No run is open on {build}, but Temporal still lists its worker, up to 5 minutes after it has ended. "
                "Stop it, and retire the version then."
            )
        return VersionAnswer(deployment=self._deployment.name, build=build, by=self.by, at=datetime.now(UTC))

    async def _polled(self, build: str, within: float) -> Routing:
        """Return the routing once a worker of a version polls."""
        end = asyncio.get_running_loop().time() + within
        while True:
            routing = await self._deployment.routing()
            if routing.current == build or (build in routing.builds and build in await self._deployment.polled()):
                return routing
            if asyncio.get_running_loop().time() >= end:
                break
            await asyncio.sleep(_POLL_EVERY)
        self._refuse_unknown(build, routing)
        raise PerdureError(
            f"No worker of {build} polls: new runs would wait. Start one, as with PERDURE_BUILD_ID={build} where its "
            "code lies, or deploy it."
        )

    async def _set_current(self, build: str, routing: Routing, within: float) -> None:
        """Temporal learns of each task queue of a version at its own time."""
        end, before = asyncio.get_running_loop().time() + within, routing.current
        while True:
            try:
                await self._deployment.set_current(build, by=self.by, token=routing.token)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                if asyncio.get_running_loop().time() >= end:
                    raise PerdureError(f"Temporal does not make {build} current: {error.message}.") from error
                await asyncio.sleep(_POLL_EVERY)
                routing = await self._deployment.routing()
                self._refuse_another(build, before, routing)
            else:
                return

    async def _still_open(self, build: str, count: int) -> str:
        named = [run.workflow_id async for run in self._runs.each(build, limit=_NAMED)]
        more = f" and {count - len(named)} more" if count > len(named) else ""
        runs = "1 run is" if count == 1 else f"{count} runs are"
        return (
            f"{runs} open on {build}: {', '.join(named)}{more}. Retire it when they have ended, or have been moved by "
            "a deploy."
        )

    def _promoted(self, routing: Routing, before: str | None, *, changed: bool, left: int) -> VersionAnswer:
        return VersionAnswer(
            deployment=self._deployment.name,
            build=routing.current,
            before=before,
            changed=changed,
            by=routing.changed_by or self.by,
            at=routing.changed_at,
            left=left,
        )

    def _refuse_another(self, build: str, before: str | None, routing: Routing) -> None:
        if routing.current not in {before, build}:
            raise PerdureError(
                f"{build} was not promoted: {routing.current} has become current meanwhile, by "
                f"{routing.changed_by or 'somebody'}. Repeat it if {build} shall be current after all."
            )

    def _refuse_unknown(self, build: str, routing: Routing) -> None:
        if build not in routing.builds:
            known = nearest(build, routing.builds)
            raise NotFound(f"{self._deployment.name} has no version {build}{known}")
