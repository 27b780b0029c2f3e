"""Describes a run as Temporal sees it: its status, pending activities and failing workflow task."""

import json
from collections.abc import Iterator
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import RawMessage
from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.contracts.runs import PendingStep, RunDescription, RunQuery
from perdure.versions.task_queue import lately_polled
from perdure_orchestrator.failure_converter import failure_text

__all__ = ["describe"]

_PROBLEMS: Final = "TemporalReportedProblems"
"""The search attribute in which Temporal lists why a run does not go on, as ``category=WorkflowTaskFailed``."""


async def describe(client: Client, request: RawMessage) -> bytes:
    """Answer a ``RunQuery`` with a ``RunDescription``, both in JSON."""
    query = RunQuery.model_validate_json(request.body)
    try:
        found = await _describe(client, query.workflow_id)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        found = RunDescription(workflow_id=query.workflow_id)
    return found.model_dump_json().encode()


async def _describe(client: Client, workflow_id: str) -> RunDescription:
    execution = await describe_execution(client, workflow_id)
    raw = execution.description
    attempt = raw.pending_workflow_task.attempt or 1
    version = execution.raw.versioning_info.deployment_version
    return RunDescription(
        workflow_id=workflow_id,
        status=execution.status,
        pending=tuple(
            PendingStep(
                activity=step.activity_type.name,
                attempt=step.attempt,
                last_failure=failure_text(step.last_failure) if step.HasField("last_failure") else None,
            )
            for step in raw.pending_activities
        ),
        task_attempt=attempt,
        task_failure=await _last_task_failure(client, workflow_id) if attempt > 1 else None,
        problems=tuple(_problems(execution)),
        task_queue=execution.task_queue,
        build=version.build_id or None,
        polling=await _polling(client, execution.task_queue) if execution.is_open else None,
    )


def _problems(execution: ExecutionDescription) -> Iterator[str]:
    payload = execution.raw.search_attributes.indexed_fields.get(_PROBLEMS)
    found = [] if payload is None else json.loads(payload.data)
    yield from map(str, found if isinstance(found, list) else [found])


async def _polling(client: Client, task_queue: str) -> tuple[str, ...] | None:
    """Return the versions whose workers poll; None if Temporal does not tell."""
    try:
        return tuple(sorted(build for _, build in await lately_polled(client, task_queue)))
    except RPCError as error:
        if error.status is RPCStatusCode.UNIMPLEMENTED:  # Temporal's test server
            return None
        raise


async def _last_task_failure(client: Client, workflow_id: str) -> str | None:
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    failed = [
        event.workflow_task_failed_event_attributes.failure
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    ]
    return failure_text(failed[-1]) if failed else None
