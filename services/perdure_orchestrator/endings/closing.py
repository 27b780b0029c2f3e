"""How Temporal closed a run, read from its history."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistoryEventFilterType
from temporalio.converter import DataConverter

from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.connections.failure_texts import shown_failure
from perdure.connections.run_context import converter_of_run
from perdure.contracts import Progress, ProgressKind
from perdure.flow.facts import PUBLISH_FACTS, RunEnd
from perdure.flow.publisher import EVENT_MEMO, KEY_MEMO
from perdure_orchestrator.endings.completed_result import result_fields
from perdure_orchestrator.failure_converter import failure_text
from perdure_orchestrator.task_failure import with_reason

__all__ = ["KINDS", "Closing", "read_closing"]

KINDS: Final[dict[str, ProgressKind]] = {
    "COMPLETED": "completed",
    "CANCELED": "cancelled",
    "FAILED": "failed",
    "TERMINATED": "terminated",
    "TIMED_OUT": "timed_out",
}
"""The kind of the ending for each of Temporal's names of a closed status."""

_RESULT: Final = "result"  # of a local activity, among the details of its marker


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a closed run.

    Attributes:
        end: What the bus shall have of it; its sequence numbers are provisional.
        kept: Whether the run's code kept its end in the history.
        begins_again: Whether another run goes on for this one, as a retry or by cron: then this is no ending.
        inherits: Whether the run was reset: its first facts stand under the id of another run.
    """

    end: RunEnd
    kept: bool
    begins_again: bool
    inherits: bool


async def read_closing(client: Client, workflow_id: str, run_id: str) -> Closing | None:
    """Read how a run ended; None if it is open, was continued as new, or was reset: then another run has its end.

    Raises:
        RPCError: Temporal does not answer.
        MissingKey: The key ring has not the key of what the run has kept.
    """
    execution = await describe_execution(client, workflow_id, run_id)
    events = await _events(client, execution)
    converter = converter_of_run(client, workflow_id)
    kept = await _kept_end(converter, events)
    # Temporal's test server continues a run as new where the real one closes it and begins another.
    begins_again = bool(_last(events, "new_execution_run_id")) and kept is not None
    kind = KINDS.get(execution.status)
    if kind is None and kept is not None and begins_again:
        kind = kept.ending.kind
    if kind is None or (not begins_again and await _is_superseded(client, execution)):
        return None
    reason = await _reason(converter, events[-1]) if kind != "completed" else None
    end = RunEnd(facts=(await _ending(execution, kind, reason),))
    shows_result = kind == "completed" and not begins_again
    if kept is not None and kept.ending.kind == kind:
        end = kept.with_ending(
            **(await result_fields(converter, events[-1], kept) if shows_result else {"result": None})
        )
    elif shows_result:
        end = end.with_ending(**await result_fields(converter, events[-1], None))
    inherits = events[0].workflow_execution_started_event_attributes.original_execution_run_id not in {"", run_id}
    return Closing(end, kept is not None, begins_again, inherits)


async def _events(client: Client, execution: ExecutionDescription) -> list[HistoryEvent]:
    """Return the history of a run that its code may have closed; otherwise only the first and the last event."""
    handle = client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
    if execution.status in {"TERMINATED", "TIMED_OUT"}:
        first = [await anext(handle.fetch_history_events(page_size=1))]
        only = WorkflowHistoryEventFilterType.CLOSE_EVENT
        return first + [event async for event in handle.fetch_history_events(event_filter_type=only)]
    return [event async for event in handle.fetch_history_events()]


async def _kept_end(converter: DataConverter, events: Sequence[HistoryEvent]) -> RunEnd | None:
    """Return the end that the run's code kept: the result of its last local activity that has such a one."""
    for event in reversed(events):
        for kept in await converter.decode(_marked_results(event)):
            if kept is not None:
                return RunEnd.model_validate(kept)
    return None


def _marked_results(event: HistoryEvent) -> Sequence[Payload]:
    """Return what the activity that publishes facts returned, if this event is its marker."""
    details = event.marker_recorded_event_attributes.details
    about = [json.loads(payload.data) for payload in details["data"].payloads] if _RESULT in details else []
    is_own = any(isinstance(it, dict) and it.get("activity_type") == PUBLISH_FACTS for it in about)
    return details[_RESULT].payloads if is_own else ()


async def _is_superseded(client: Client, execution: ExecutionDescription) -> bool:
    """Return whether a later run of the same chain has this id, as after a reset."""
    newest = await describe_execution(client, execution.workflow_id)
    return newest.run_id != execution.run_id and _first(newest) == _first(execution)


def _first(execution: ExecutionDescription) -> str:
    return execution.raw.first_run_id


async def _ending(execution: ExecutionDescription, kind: ProgressKind, reason: str | None) -> Progress:
    """Return the ending of a run whose code kept none."""
    return Progress(
        workflow=execution.workflow_type,
        workflow_id=execution.workflow_id,
        run_id=execution.run_id,
        sequence=1,
        kind=kind,
        event_id=await execution.memo(EVENT_MEMO),
        key=await execution.memo(KEY_MEMO),
        at=execution.close_time or datetime.now(UTC),
        error=reason,
    )


async def _reason(converter: DataConverter, event: HistoryEvent) -> str:
    if event.HasField("workflow_execution_terminated_event_attributes"):
        terminated = event.workflow_execution_terminated_event_attributes
        return f"terminated by {terminated.identity}: {terminated.reason or 'no reason given'}"
    if event.HasField("workflow_execution_failed_event_attributes"):
        failure = await shown_failure(event.workflow_execution_failed_event_attributes.failure, converter)
        unreadable = with_reason(failure.message, failure.cause.message)
        return failure_text(failure) if unreadable == failure.message else unreadable
    return "ended from outside"


def _last(events: Sequence[HistoryEvent], field: str) -> Any:
    """Return a field of the last event, whatever its kind."""
    attributes = getattr(events[-1], events[-1].WhichOneof("attributes") or "", None)
    return getattr(attributes, field, None)
