"""The worker that publishes due times: apart from that of the users' runs, whose facts and versions it has none of."""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import Bus
from perdure.connections.temporal import converter
from perdure_orchestrator.schedules.declaration import due_queue
from perdure_orchestrator.schedules.publish_due import PUBLISH_DUE, DuePublisher, PublishDue

__all__ = ["due_worker", "plain_client"]

_STICKY: Final = timedelta(seconds=5)  # how long a task waits for the worker that has its run in memory
_AT_ONCE: Final = 20


def plain_client(client: Client) -> Client:
    """Return a client on the same connection, without plugins and codecs."""
    return Client(client.service_client, namespace=client.namespace, data_converter=converter())


def due_worker(client: Client, bus: Bus, queue: str) -> Worker:
    """Return a worker for the due times of an orchestrator with this task queue."""
    return Worker(
        client,
        task_queue=due_queue(queue),
        workflows=[PublishDue],
        activities=[DuePublisher(bus).publish],
        workflow_runner=UnsandboxedWorkflowRunner(),
        build_id=PUBLISH_DUE,  # else temporalio hashes all loaded modules, which takes 0.2 s
        max_cached_workflows=_AT_ONCE,
        max_concurrent_workflow_tasks=_AT_ONCE,
        max_concurrent_activities=_AT_ONCE,
        max_concurrent_workflow_task_polls=2,
        max_concurrent_activity_task_polls=1,
        sticky_queue_schedule_to_start_timeout=_STICKY,
    )
