"""The mark by which a run's history tells which act was done to it: an act may have died before its record."""

from collections.abc import AsyncIterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client

from perdure.connections.executions import ExecutionDescription
from perdure.contracts.run_acts import RunActRequest

__all__ = ["act_mark", "has_mark"]

_PAGE = 100  # events


def act_mark(request: RunActRequest) -> str:
    """Return who acts, and by which act: the identity of Temporal's requests, which its page shows."""
    return f"{request.by} (act {request.id})"


async def has_mark(client: Client, request: RunActRequest, execution: ExecutionDescription) -> bool:
    """Return whether this act cancelled, terminated, paused or resumed an execution; it reads the newest events first.

    Raises:
        RPCError: Temporal does not answer.
    """
    mark = act_mark(request)
    async for event in _newest_first(client, execution):
        identity = {
            "cancel": event.workflow_execution_cancel_requested_event_attributes.identity,
            "terminate": event.workflow_execution_terminated_event_attributes.identity,
            "pause": event.workflow_execution_paused_event_attributes.identity,
            "resume": event.workflow_execution_unpaused_event_attributes.identity,
        }.get(request.act)
        if identity == mark:
            return True
    return False


async def _newest_first(client: Client, execution: ExecutionDescription) -> AsyncIterator[HistoryEvent]:
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=execution.workflow_id, run_id=execution.run_id),
        maximum_page_size=_PAGE,
    )
    while True:
        page = await client.workflow_service.get_workflow_execution_history_reverse(request, retry=True)
        for event in page.history.events:
            yield event
        if not page.next_page_token:
            return
        request.next_page_token = page.next_page_token
