"""Describes a run as Temporal sees it: its status, pending activities and failing workflow task."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import WorkflowExecutionPauseInfo
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import RawMessage
from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.connections.failure_texts import shown_failure
from perdure.connections.run_context import converter_of_run
from perdure.contracts.runs import PendingStep, RunDescription, RunQuery
from perdure.errors import PerdureError
from perdure.flow.publisher import RERUN_MEMO
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
        pending=[
            PendingStep(
                activity=step.activity_type.name,
                attempt=step.attempt,
                last_failure=await _text(client, workflow_id, step.last_failure)
                if step.HasField("last_failure")
                else None,
            )
            for step in raw.pending_activities
        ],
        task_attempt=attempt,
        task_failure=await _last_task_failure(client, workflow_id) if attempt > 1 else None,
        paused=_pause(raw.workflow_extended_info.pause_info) if execution.status == "PAUSED" else None,
        rerun_of=await execution.memo(RERUN_MEMO),
        problems=tuple(_problems(execution)),
        task_queue=execution.task_queue,
        begins_at=_begins_at(execution),
        build=version.build_id or None,
        polling=await _polling(client, execution.task_queue) if execution.is_open else None,
    )


def _begins_at(execution: ExecutionDescription) -> datetime | None:
    """Return when a run begins whose start is delayed; None if it has begun."""
    begins = execution.raw.execution_time.ToDatetime(UTC)
    return begins if execution.is_open and begins > datetime.now(UTC) else None


def _pause(pause: WorkflowExecutionPauseInfo) -> str:
    since = f"paused since {pause.paused_time.ToDatetime():%Y-%m-%d %H:%M} UTC by {pause.identity}"
    return since + (f": {pause.reason}" if pause.reason else "")


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
    return await _text(client, workflow_id, failed[-1]) if failed else None


async def _text(client: Client, workflow_id: str, failure: Failure) -> str:
    """Return the text of a failure; if it cannot be decrypted, what stays plain and why."""
    try:
        return failure_text(await shown_failure(failure, converter_of_run(client, workflow_id)))
    except PerdureError as error:
        return f"{failure_text(failure)}: {error}"
