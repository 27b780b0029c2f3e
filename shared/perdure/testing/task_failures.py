"""Finds a workflow task that fails again and again: Temporal repeats it until the code is mended, and a test hangs."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from perdure_orchestrator.failure_converter import failure_text

__all__ = ["failing_task"]

_ENDS: Final = {EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED}
_BUGS: Final = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
}


def failing_task(history: Sequence[HistoryEvent]) -> str | None:
    """Return the error of the newest workflow task, if a bug in the workflow's code made it fail."""
    ends = [event for event in history if event.event_type in _ENDS]
    if not ends or ends[-1].event_type != EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
        return None
    failed = ends[-1].workflow_task_failed_event_attributes
    if failed.cause not in _BUGS:
        return None
    return failure_text(failed.failure)
