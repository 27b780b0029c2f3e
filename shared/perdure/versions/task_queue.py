"""What Temporal knows of a task queue: the workers that poll it, and where its new runs go."""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

__all__ = ["describe_task_queue", "lately_polled"]

_POLLED_LATELY: Final = timedelta(seconds=70)
"""A worker polls anew at least each minute (temporalio's long poll), and Temporal lists it for five."""


async def describe_task_queue(client: Client, name: str, *, retry: bool = False) -> DescribeTaskQueueResponse:
    """Ask about the workflow tasks of a queue.

    Args:
        client: The client of Temporal.
        name: The task queue.
        retry: Whether to repeat the request for some seconds if Temporal does not answer.

    Raises:
        RPCError: Temporal does not answer, or has no such call, as its test server.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=name),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    return await client.workflow_service.describe_task_queue(request, retry=retry)


async def lately_polled(client: Client, name: str) -> set[tuple[str, str]]:
    """Return deployment and build of the workers that have polled a queue within the last minute.

    Both are empty for a worker without a version.

    Raises:
        RPCError: As in ``describe_task_queue``.
    """
    pollers = (await describe_task_queue(client, name, retry=True)).pollers
    since = datetime.now(UTC) - _POLLED_LATELY
    return {
        (poller.deployment_options.deployment_name, poller.deployment_options.build_id)
        for poller in pollers
        if poller.last_access_time.ToDatetime(UTC) >= since
    }
