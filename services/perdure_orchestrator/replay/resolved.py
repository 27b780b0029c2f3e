"""Finds which step's result a run was given when it could not go on."""

from collections.abc import Sequence
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob

from perdure_orchestrator.replay.commands import IssuedCommand, recorded_commands
from perdure_orchestrator.task_failure import TaskFailure

__all__ = ["is_unreadable", "resolved_command"]

_UNREADABLE: Final = "Failed decoding arguments"
_JOBS: Final = {"resolve_activity": ("activity", "local activity"), "resolve_child_workflow_execution": ("child run",)}
_RESULTS: Final = {
    "activity_task_completed_event_attributes": "scheduled_event_id",
    "child_workflow_execution_completed_event_attributes": "initiated_event_id",
}


def is_unreadable(failure: TaskFailure) -> bool:
    """Return whether a task has failed because the code cannot read what the history holds."""
    return _UNREADABLE in failure.error


def resolved_command(
    events: Sequence[HistoryEvent], issued: Sequence[IssuedCommand], job: WorkflowActivationJob | None
) -> tuple[int, IssuedCommand] | None:
    """Return the command whose result a job brings, and the event of the result; None if it brings none."""
    variant = "" if job is None else job.WhichOneof("variant") or ""
    if variant not in _JOBS:
        return None
    seq = getattr(job, variant).seq
    own = [it for it in issued if it.command.kind in _JOBS[variant] and it.command.seq == seq]
    return (_event_of(events, issued, own[0]), own[0]) if own else None


def _event_of(events: Sequence[HistoryEvent], issued: Sequence[IssuedCommand], command: IssuedCommand) -> int:
    """Return the event of the command's result, of a run whose commands are those of its history so far."""
    kind, seq = command.command.kind, command.command.seq
    recorded = [it for it in recorded_commands(events) if it.command.kind == kind]
    if kind == "local activity":
        return next((it.event for it in recorded if it.command.seq == seq), 0)
    position = [it for it in issued if it.command.kind == kind].index(command)
    begun = recorded[position].event if position < len(recorded) else 0
    for event in events:
        name = event.WhichOneof("attributes") or ""
        if name in _RESULTS and getattr(getattr(event, name), _RESULTS[name]) == begun:
            return event.event_id
    return begun
