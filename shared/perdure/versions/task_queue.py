"""What Temporal knows of a task queue: the workers that poll it, and where its new runs go."""

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse
from temporalio.client import Client

__all__ = ["describe_task_queue"]


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
