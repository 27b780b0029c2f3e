"""Temporal's requests by which an execution is cancelled, terminated, paused and resumed."""

from typing import Any, Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    PauseWorkflowExecutionRequest,
    RequestCancelWorkflowExecutionRequest,
    TerminateWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.connections.executions import ExecutionInfo
from perdure.contracts.run_acts import RunActRequest
from perdure.errors import PerdureError
from perdure_orchestrator.act_marks import act_mark

__all__ = ["change_execution"]

_CANNOT_PAUSE: Final = (
    "This Temporal server pauses no runs: set `frontend.WorkflowPauseEnabled: true` in its dynamic configuration, or "
    "pause the whole suite with `perdure pause`."
)


async def change_execution(client: Client, request: RunActRequest, execution: ExecutionInfo) -> None:
    """Cancel, terminate, pause or resume an execution: this one, and none that follows it under its workflow id.

    Raises:
        PerdureError: The server pauses no runs.
        RPCError: It has ended since, or Temporal does not answer.
    """
    service = client.workflow_service
    ids = {"workflow_id": execution.workflow_id, "run_id": execution.run_id}
    about: dict[str, Any] = {"namespace": client.namespace, "identity": act_mark(request), "reason": request.reason}
    once = {**about, "request_id": request.id}
    match request.act:
        case "cancel":
            cancel = RequestCancelWorkflowExecutionRequest(workflow_execution=WorkflowExecution(**ids), **once)
            await service.request_cancel_workflow_execution(cancel, retry=True)
        case "terminate":
            terminate = TerminateWorkflowExecutionRequest(workflow_execution=WorkflowExecution(**ids), **about)
            await service.terminate_workflow_execution(terminate, retry=True)
        case "pause":
            try:
                await service.pause_workflow_execution(PauseWorkflowExecutionRequest(**ids, **once), retry=True)
            except RPCError as error:
                if error.status is RPCStatusCode.UNIMPLEMENTED:
                    raise PerdureError(_CANNOT_PAUSE) from error
                raise
        case "resume":
            await service.unpause_workflow_execution(UnpauseWorkflowExecutionRequest(**ids, **once), retry=True)
        case other:
            raise ValueError(f"{other} is no change of an execution")
