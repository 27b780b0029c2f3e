"""Lists, describes and queries the executions that Temporal knows, also paused ones.

temporalio 1.35 has no status for a paused execution: its own calls raise ``ValueError`` as soon as they meet one.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    DescribeWorkflowExecutionResponse,
    ListWorkflowExecutionsRequest,
    QueryWorkflowRequest,
)
from temporalio.client import Client, WorkflowQueryFailedError, WorkflowQueryRejectedError
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

__all__ = [
    "OPEN",
    "ExecutionDescription",
    "ExecutionInfo",
    "describe_execution",
    "each_execution",
    "query_execution",
]

OPEN: Final = "CloseTime IS NULL"
"""The condition of a list query for open executions: ``ExecutionStatus = 'Running'`` leaves the paused ones out."""

_PAGE: Final = 1_000  # executions
_PREFIX: Final = "WORKFLOW_EXECUTION_STATUS_"

Value = TypeVar("Value")


@dataclass(frozen=True)
class ExecutionInfo:
    """What Temporal's list has of an execution.

    Attributes:
        raw: As Temporal sent it.
        converter: Decodes its memo.
    """

    raw: WorkflowExecutionInfo
    converter: DataConverter

    @property
    def workflow_id(self) -> str:
        """Temporal's workflow id."""
        return self.raw.execution.workflow_id

    @property
    def run_id(self) -> str:
        """Temporal's run id."""
        return self.raw.execution.run_id

    @property
    def workflow_type(self) -> str:
        """Name of the workflow type."""
        return self.raw.type.name

    @property
    def task_queue(self) -> str:
        """The task queue of its workflow tasks."""
        return self.raw.task_queue

    @property
    def status(self) -> str:
        """Temporal's name for its status, such as ``RUNNING``; the number of a status that is newer than this code."""
        if self.raw.status not in WorkflowExecutionStatus.values():
            return str(self.raw.status)
        return WorkflowExecutionStatus.Name(self.raw.status).removeprefix(_PREFIX)

    @property
    def start_time(self) -> datetime:
        """When it began (UTC)."""
        return self.raw.start_time.ToDatetime(UTC)

    @property
    def close_time(self) -> datetime | None:
        """When it was closed (UTC); None while it is open."""
        return self.raw.close_time.ToDatetime(UTC) if self.raw.HasField("close_time") else None

    @property
    def is_open(self) -> bool:
        """Whether it is running or paused."""
        return self.close_time is None

    async def memo(self, key: str) -> Any:
        """Return a value of its memo; None if it has none of this key."""
        if (payload := self.raw.memo.fields.get(key)) is None:
            return None
        return (await self.converter.decode([payload]))[0]


@dataclass(frozen=True)
class ExecutionDescription(ExecutionInfo):
    """What Temporal's description has of an execution.

    Attributes:
        description: As Temporal sent it.
    """

    description: DescribeWorkflowExecutionResponse


async def each_execution(
    client: Client, query: str, *, limit: int | None = None, timeout: timedelta | None = None
) -> AsyncIterator[ExecutionInfo]:
    """Yield executions, newest first.

    Args:
        client: Temporal's.
        query: Temporal's list filter; see ``OPEN``.
        limit: Yield no more than these.
        timeout: Of each request.

    Raises:
        RPCError: Temporal does not answer.
    """
    size = _PAGE if limit is None else min(limit, _PAGE)
    request = ListWorkflowExecutionsRequest(namespace=client.namespace, page_size=size, query=query)
    left = limit
    while left is None or left > 0:
        page = await client.workflow_service.list_workflow_executions(request, retry=True, timeout=timeout)
        for info in page.executions[:left]:
            yield ExecutionInfo(info, _converter(client, info.execution.workflow_id))
        left = None if left is None else left - len(page.executions)
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token


async def describe_execution(client: Client, workflow_id: str, run_id: str | None = None) -> ExecutionDescription:
    """Return the description of an execution; without a run id, of the newest of this workflow id.

    Raises:
        RPCError: There is no such execution, or Temporal does not answer.
    """
    execution = WorkflowExecution(workflow_id=workflow_id, run_id=run_id or "")
    request = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution)
    found = await client.workflow_service.describe_workflow_execution(request, retry=True)
    return ExecutionDescription(found.workflow_execution_info, _converter(client, workflow_id), found)


async def query_execution(
    client: Client, workflow_id: str, name: str, args: Sequence[Any] = (), *, result_type: type[Value] | None = None
) -> Any:
    """Ask the newest run of a workflow id, and return its answer.

    Args:
        client: Temporal's.
        workflow_id: The run.
        name: Name of the query.
        args: Its arguments.
        result_type: What the answer is read as.

    Raises:
        RPCError: There is no such run, or Temporal does not answer.
        WorkflowQueryFailedError: The run has no such query, the arguments do not fit, or the handler raised.
        WorkflowQueryRejectedError: The run is paused, and answers none.
    """
    converter = _converter(client, workflow_id)
    request = QueryWorkflowRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id),
        query=WorkflowQuery(query_type=name),
    )
    if args:
        request.query.query_args.payloads.extend(await converter.encode(args))
    try:
        answer = await client.workflow_service.query_workflow(request, retry=True)
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise WorkflowQueryFailedError(error.message) from error
        raise
    if answer.HasField("query_rejected"):
        raise WorkflowQueryRejectedError(None)
    results = await converter.decode(answer.query_result.payloads, [result_type] if result_type else None)
    return results[0] if results else None


def _converter(client: Client, workflow_id: str) -> DataConverter:
    return client.data_converter.with_context(WorkflowSerializationContext(client.namespace, workflow_id))
