"""Where each open run is: the version on which it goes on."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.versions.for_each import for_each

__all__ = ["Place", "open_places"]

_PAGE: Final = 1_000  # runs


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
        is_held: Whether it would, but was pinned to its version.
    """

    workflow_id: str
    run_id: str
    length: int
    build: str | None
    last: str | None
    floats: bool
    is_held: bool = False


async def open_places(client: Client, task_queue: str) -> list[Place]:
    """Return where each open run of a task queue is.

    Raises:
        RPCError: Temporal does not answer.
    """
    query = f"TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
    request = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=_PAGE, query=query)
    found: list[WorkflowExecution] = []
    while True:  # the client's own listing knows no paused runs and fails at one
        page = await client.workflow_service.list_workflow_executions(request, retry=True)
        found += [info.execution for info in page.executions]
        if not page.next_page_token:
            break
        request.next_page_token = page.next_page_token
    return [place for place in await for_each(found, partial(_described, client)) if place is not None]


async def _described(client: Client, run: WorkflowExecution) -> Place | None:
    """Return where a run is; None if it has ended."""
    request = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=run)
    try:
        described = await client.workflow_service.describe_workflow_execution(request, retry=True)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    info = described.workflow_execution_info
    return None if info.HasField("close_time") else _place(info)


def _place(info: WorkflowExecutionInfo) -> Place:
    versioning, last = info.versioning_info, info.versioning_info.deployment_version.build_id
    override = versioning.versioning_override
    follows = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE
    pinned = override.pinned.version.build_id or override.one_time.target_deployment_version.build_id
    return Place(
        info.execution.workflow_id,
        info.execution.run_id,
        info.history_length,
        build=pinned or last or None,
        last=last or None,
        floats=follows and not pinned,
        is_held=follows and bool(override.pinned.version.build_id),
    )
