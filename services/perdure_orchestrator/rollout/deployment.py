"""The versions of one worker deployment at Temporal, and which run is on which."""

import asyncio
from dataclasses import dataclass
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionInfo, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.errors import SetupError
from perdure.versions.version_runs import VersionRuns
from perdure_orchestrator.rollout.for_each import for_each

__all__ = ["Place", "RolloutDeployment"]

_POLL_EVERY: Final = 0.2  # seconds
_KNOWN_WITHIN: Final = 60.0  # seconds
_PAGE: Final = 1_000  # runs
_NOT_POLLED: Final = {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}
_PINNED: Final = VersioningOverride.PinnedOverrideBehavior.PINNED_OVERRIDE_BEHAVIOR_PINNED


@dataclass(frozen=True, slots=True)
class Place:
    """Where an open run is.

    Attributes:
        workflow_id: The run.
        run_id: Temporal's run id.
        length: How many events its history has.
        build: The build on which it goes on; None if it has no version.
        last: The build that has completed its last workflow task; None if there is none.
        floats: Whether it goes to each version that is promoted, by the author's will.
    """

    workflow_id: str
    run_id: str
    length: int
    build: str | None
    last: str | None
    floats: bool


class RolloutDeployment:
    """One worker deployment.

    Args:
        client: The client of Temporal.
        name: The name of the deployment.
        task_queue: The task queue of its runs.
    """

    def __init__(self, client: Client, name: str, task_queue: str) -> None:
        self._client = client
        self._queue = task_queue
        self._name = name

    async def current(self) -> str | None:
        """Return the build on which new runs start.

        Raises:
            RPCError: Temporal does not answer.
        """
        request = DescribeWorkerDeploymentRequest(namespace=self._client.namespace, deployment_name=self._name)
        try:
            found = await self._client.workflow_service.describe_worker_deployment(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # no worker has polled yet
                return None
            raise
        return found.worker_deployment_info.routing_config.current_deployment_version.build_id or None

    async def promote(self, build: str, *, within: float) -> None:
        """Let new runs start on a build, once its workers poll; open runs without a version go to that before.

        Args:
            build: The build.
            within: Seconds to wait for its workers.

        Raises:
            RPCError: Temporal does not answer.
            SetupError: No worker polls.
        """
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=self._client.namespace,
            deployment_name=self._name,
            build_id=build,
            identity=self._client.identity,
        )
        if (before := await self.current()) is not None:
            await VersionRuns(self._client, self._name, self._queue).adopt(before)
        try:
            async with asyncio.timeout(within):
                while not await self._is_set(request):
                    await asyncio.sleep(_POLL_EVERY)
        except TimeoutError as error:
            raise SetupError(
                f"No worker of version {build} polls the task queues of {self._name} within {within:g} s. "
                "Start one with the new code beside the old ones, then deploy again."
            ) from error

    async def open_runs(self) -> list[Place]:
        """Return where each open run of the task queue is.

        Raises:
            RPCError: Temporal does not answer.
        """
        query = f"TaskQueue = '{self._queue}' AND ExecutionStatus = 'Running'"
        request = ListWorkflowExecutionsRequest(namespace=self._client.namespace, page_size=_PAGE, query=query)
        found: list[WorkflowExecution] = []
        while True:  # the client's own listing knows no paused runs and fails at one
            page = await self._client.workflow_service.list_workflow_executions(request, retry=True)
            found += [info.execution for info in page.executions]
            if not page.next_page_token:
                break
            request.next_page_token = page.next_page_token
        return [place for place in await for_each(found, self._place) if place is not None]

    async def _place(self, run: WorkflowExecution) -> Place | None:
        """Return where a run is; None if it has ended."""
        request = DescribeWorkflowExecutionRequest(namespace=self._client.namespace, execution=run)
        try:
            described = await self._client.workflow_service.describe_workflow_execution(request, retry=True)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        info = described.workflow_execution_info
        return None if info.HasField("close_time") else _place(info)

    async def move(self, run: Place, build: str, *, stays: bool = False) -> bool:
        """Let a run go on with a build; returns whether it has not ended.

        Args:
            run: The run.
            build: The build.
            stays: Whether it stays there, through all its continuations, whatever its author wants.

        Raises:
            RPCError: Temporal does not answer.
        """
        version = WorkerDeploymentVersion(deployment_name=self._name, build_id=build)
        override = VersioningOverride(
            pinned=VersioningOverride.PinnedOverride(version=version, behavior=_PINNED) if stays else None,
            one_time=None if stays else VersioningOverride.OneTimeOverride(target_deployment_version=version),
        )
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
            update_mask=FieldMask(paths=["versioning_override"]),
            identity=self._client.identity,
        )
        until = asyncio.get_running_loop().time() + _KNOWN_WITHIN
        while True:
            try:
                await self._client.workflow_service.update_workflow_execution_options(request, retry=True)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                # A killed Temporal has to learn anew which versions poll a task queue.
                is_unknown = error.status is RPCStatusCode.FAILED_PRECONDITION
                if not is_unknown or asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_POLL_EVERY)
            else:
                return True

    async def _is_set(self, request: SetWorkerDeploymentCurrentVersionRequest) -> bool:
        try:
            await self._client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            if error.status not in _NOT_POLLED:
                raise
            return False
        return True


def _place(info: WorkflowExecutionInfo) -> Place:
    versioning, last = info.versioning_info, info.versioning_info.deployment_version.build_id
    override = versioning.versioning_override
    pinned = override.pinned.version.build_id or override.one_time.target_deployment_version.build_id
    return Place(
        info.execution.workflow_id,
        info.execution.run_id,
        info.history_length,
        build=pinned or last or None,
        last=last or None,
        floats=not pinned and versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE,
    )
