"""Where a run that has ended begins again: before the step that failed, as its history has it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from perdure.flow.decision_verdict import VERIFY_DECISIONS
from perdure.flow.facts import DRAIN_DECISIONS, PUBLISH_FACTS
from perdure.flow.messages import CALL_TOOL, READ_RULES
from perdure.flow.policy_request import RESOLVE_POLICY

__all__ = ["ResetPoint", "find_reset_point"]

_OWN: Final = {PUBLISH_FACTS, DRAIN_DECISIONS, READ_RULES, RESOLVE_POLICY, VERIFY_DECISIONS}
"""Local activities of Perdure's own, which have no effect outside."""


@dataclass(frozen=True, slots=True)
class ResetPoint:
    """A point of a history.

    Attributes:
        event_id: The workflow task that begins again, by its last event.
        step: The step that failed; None if no step did, so that the last task begins again.
        later: The steps that completed after that: undos, and whatever else the run did about its failure.
        unknown: Whether the step is a tool's call of which nobody knows whether it took effect: no answer came in time.
    """

    event_id: int
    step: str | None
    later: tuple[str, ...]
    unknown: bool = False


def find_reset_point(events: Sequence[HistoryEvent]) -> ResetPoint | None:
    """Return where a closed run begins again; None if its code has never run.

    Steps that the same workflow task began, such as those beside the failed one, run again too, with the same keys.
    """
    by_id = {event.event_id: event for event in events}
    scheduled = by_id.get(_failed_id(events))
    failed = None if scheduled is None else _failure_of(events, scheduled.event_id)
    if scheduled is not None and failed is not None:
        attributes = scheduled.activity_task_scheduled_event_attributes
        task = attributes.workflow_task_completed_event_id
        name, later = attributes.activity_type.name, tuple(_completed_after(events, failed.event_id))
        began = failed.activity_task_timed_out_event_attributes.started_event_id
        return ResetPoint(task, name, later, unknown=name == CALL_TOOL and bool(began))
    tasks = [it.event_id for it in events if it.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED]
    if not tasks:
        return None
    marker = next((it for it in reversed(events) if _is_failed_marker(it)), None)
    if marker is None:
        return ResetPoint(tasks[-1], None, ())
    task = marker.marker_recorded_event_attributes.workflow_task_completed_event_id
    return ResetPoint(task, _activity_of(marker), tuple(_completed_after(events, marker.event_id)))


def _failed_id(events: Sequence[HistoryEvent]) -> int:
    """Return the event by which the step was scheduled whose failure ended the run; 0 if none did."""
    failure: Failure | None = events[-1].workflow_execution_failed_event_attributes.failure
    while failure is not None:
        if failure.HasField("activity_failure_info"):
            return failure.activity_failure_info.scheduled_event_id
        failure = failure.cause if failure.HasField("cause") else None
    return 0


def _failure_of(events: Sequence[HistoryEvent], scheduled_id: int) -> HistoryEvent | None:
    """Return the event that says how a scheduled activity failed; None if it was no activity, or has not failed."""
    for event in events:
        for attributes in (event.activity_task_failed_event_attributes, event.activity_task_timed_out_event_attributes):
            if attributes.scheduled_event_id == scheduled_id and scheduled_id:
                return event
    return None


def _completed_after(events: Sequence[HistoryEvent], event_id: int) -> Iterator[str]:
    """Yield the activities that were scheduled after an event and have completed."""
    names = {
        event.event_id: event.activity_task_scheduled_event_attributes.activity_type.name
        for event in events
        if event.event_id > event_id and event.HasField("activity_task_scheduled_event_attributes")
    }
    for event in events:
        if event.HasField("activity_task_completed_event_attributes"):
            name = names.get(event.activity_task_completed_event_attributes.scheduled_event_id)
            if name is not None:
                yield name
        elif event.event_id > event_id and (name := _activity_of(event)) and not _is_failed_marker(event):
            yield name


def _is_failed_marker(event: HistoryEvent) -> bool:
    """Return whether an event says that a local activity of the author failed."""
    return _activity_of(event) is not None and event.marker_recorded_event_attributes.HasField("failure")


def _activity_of(event: HistoryEvent) -> str | None:
    """Return the local activity of the author that a marker is about."""
    details = event.marker_recorded_event_attributes.details
    for payload in details["data"].payloads if "data" in details else ():
        about = json.loads(payload.data)
        name = about.get("activity_type") if isinstance(about, dict) else None
        if isinstance(name, str) and name not in _OWN:
            return name
    return None
