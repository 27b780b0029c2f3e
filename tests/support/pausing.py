"""Pauses and unpauses runs by Temporal's raw calls: temporalio 1.35 has no other."""

from typing import Any, Final
from uuid import uuid4

from temporalio.api.workflowservice.v1 import PauseWorkflowExecutionRequest, UnpauseWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

ALLOWS_PAUSES: Final = ("--dynamic-config-value", "frontend.WorkflowPauseEnabled=true")
"""Arguments of Temporal's development server: by default it refuses to pause a run."""


async def pause(client: Client, run: WorkflowHandle[Any, Any]) -> None:
    request = PauseWorkflowExecutionRequest(
        namespace=client.namespace, workflow_id=run.id, identity="ann", reason="a look", request_id=uuid4().hex
    )
    await client.workflow_service.pause_workflow_execution(request)


async def unpause(client: Client, run: WorkflowHandle[Any, Any]) -> None:
    request = UnpauseWorkflowExecutionRequest(
        namespace=client.namespace, workflow_id=run.id, identity="ann", reason="seen", request_id=uuid4().hex
    )
    await client.workflow_service.unpause_workflow_execution(request)
