"""The open runs of each version, and how one is moved to another."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution as ExecutionReference
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.connections.executions import OPEN, ExecutionInfo, each_execution
from perdure.versions.for_each import for_each

__all__ = ["RunMove", "VersionRuns"]

_POLL_EVERY: Final = 0.2  # seconds
_FOLLOWS: Final = "TemporalWorkflowVersioningBehavior = 'AutoUpgrade'"
_PINNED: Final = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED


@dataclass(frozen=True, slots=True)
class RunMove:
    """What became of a run that was to be moved.

    Attributes:
        workflow_id: The run.
        run_id: Temporal's run id.
        outcome: ``moved``, also if it was there already; ``ended``: it is not open any more; ``refused``: Temporal does
            not know the version on the run's task queue, as a restarted one does until its workers have polled.
        why: Temporal's words, if it was refused.
    """

    workflow_id: str
    run_id: str
    outcome: Literal["moved", "ended", "refused"]
    why: str = ""


class VersionRuns:
    """The open runs of a deployment, as Temporal lists them: a change takes a moment to be seen there.

    Args:
        client: The client of Temporal.
        deployment: Name of the deployment.
        task_queue: Where runs without a version are looked for.
    """

    def __init__(self, client: Client, deployment: str, task_queue: str) -> None:
        self._client = client
        self._deployment = deployment
        self._queue = task_queue

    async def count(self, build: str | None) -> int:
        """Return how many runs are open on a build; with None, how many have no version yet.

        Those that follow the current version by their author's will are not on any, whichever has done their last
        task: a version has nothing to do any more although they are open.

        Raises:
            RPCError: Temporal does not answer.
        """
        return (await self._client.count_workflows(self._query(build))).count

    async def count_elsewhere(self, build: str) -> int:
        """Return how many runs are open on other versions, without those that follow the current one.

        Raises:
            RPCError: Temporal does not answer.
        """
        of_deployment = f"TemporalWorkerDeployment = '{self._deployment}'"
        of_other = f"TemporalWorkerDeploymentVersion != '{self._deployment}:{build}'"
        return (
            await self._client.count_workflows(f"{of_deployment} AND {of_other} AND NOT {_FOLLOWS} AND {OPEN}")
        ).count

    async def count_following(self) -> int:
        """Return how many open runs follow the current version.

        Raises:
            RPCError: Temporal does not answer.
        """
        of_deployment = f"TemporalWorkerDeployment = '{self._deployment}'"
        return (await self._client.count_workflows(f"{of_deployment} AND {_FOLLOWS} AND {OPEN}")).count

    async def each(self, build: str | None, limit: int | None = None) -> AsyncIterator[ExecutionInfo]:
        """Yield them.

        Raises:
            RPCError: Temporal does not answer.
        """
        async for run in each_execution(self._client, self._query(build), limit=limit):
            yield run

    async def move(
        self, workflow_id: str, run_id: str, build: str, *, stays: bool = False, within: float = 0
    ) -> RunMove:
        """Let the next workflow task of a run go to a build.

        A run of a pinned workflow stays there, and may go on to later versions as it continues as new. Steps that are
        in flight end on the worker that has them.

        Args:
            workflow_id: The run.
            run_id: Temporal's run id.
            build: Where it goes on.
            stays: Whether it stays there against its author's will, through all its continuations.
            within: Seconds in which Temporal may learn of the version on the run's task queue.

        Raises:
            RPCError: Temporal does not answer.
        """
        request = self._request(workflow_id, run_id, self._override(build, stays=stays))
        end = asyncio.get_running_loop().time() + within
        while True:
            try:
                await self._client.workflow_service.update_workflow_execution_options(request, retry=True)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return RunMove(workflow_id, run_id, "ended")
                if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                    raise
                if asyncio.get_running_loop().time() >= end:
                    return RunMove(workflow_id, run_id, "refused", error.message)
            else:
                return RunMove(workflow_id, run_id, "moved")
            await asyncio.sleep(_POLL_EVERY)

    async def release(self, workflow_id: str, run_id: str) -> None:
        """Take back that a run stays on a version, so that its author's will holds again.

        Raises:
            RPCError: Temporal does not answer.
        """
        try:
            request = self._request(workflow_id, run_id, None)
            await self._client.workflow_service.update_workflow_execution_options(request, retry=True)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended
                raise

    async def adopt(self, build: str, *, within: float = 0) -> None:
        """Move the open runs that have no version to a build: before another is promoted, on which they would go on.

        Raises:
            RPCError: Temporal does not answer.
        """
        await self.move_all([(run.workflow_id, run.run_id) async for run in self.each(None)], build, within=within)

    async def move_all(self, runs: Iterable[tuple[str, str]], build: str, *, within: float = 0) -> list[RunMove]:
        """Move runs, each by workflow id and run id; it may be repeated after a crash.

        Raises:
            RPCError: Temporal does not answer.
        """
        return await for_each(list(runs), lambda run: self.move(*run, build, within=within))

    def _override(self, build: str, *, stays: bool) -> VersioningOverride:
        version = WorkerDeploymentVersion(deployment_name=self._deployment, build_id=build)
        if stays:
            return VersioningOverride(pinned=VersioningOverride.PinnedOverride(version=version, behavior=_PINNED))
        return VersioningOverride(one_time=VersioningOverride.OneTimeOverride(target_deployment_version=version))

    def _request(
        self, workflow_id: str, run_id: str, override: VersioningOverride | None
    ) -> UpdateWorkflowExecutionOptionsRequest:
        return UpdateWorkflowExecutionOptionsRequest(
            namespace=self._client.namespace,
            workflow_execution=ExecutionReference(workflow_id=workflow_id, run_id=run_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
            update_mask=FieldMask(paths=["versioning_override"]),
            identity=self._client.identity,
        )

    def _query(self, build: str | None) -> str:
        if build is None:
            return f"TemporalWorkerDeploymentVersion IS NULL AND TaskQueue = '{self._queue}' AND {OPEN}"
        of_version = f"TemporalWorkerDeploymentVersion = '{self._deployment}:{build}'"
        return f"{of_version} AND NOT {_FOLLOWS} AND {OPEN}"
