"""Where each open run is: the version on which it goes on."""

from dataclasses import dataclass
from functools import partial

from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.connections.executions import OPEN, ExecutionInfo, describe_execution, each_execution
from perdure.versions.for_each import for_each

__all__ = ["Place", "open_places"]


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
    found = [run async for run in each_execution(client, f"TaskQueue = '{task_queue}' AND {OPEN}")]
    return [place for place in await for_each(found, partial(_described, client)) if place is not None]


async def _described(client: Client, run: ExecutionInfo) -> Place | None:
    """Return where a run is; None if it has ended."""
    try:
        described = await describe_execution(client, run.workflow_id, run.run_id)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return _place(described.raw) if described.is_open else None


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
