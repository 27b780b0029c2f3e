"""A run begins again before the step that failed, and what cannot be judged from a history is put to a person."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from perdure.flow.messages import CALL_TOOL
from perdure_orchestrator.reset_point import ResetPoint, find_reset_point

TASK = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED


def history(*, name: str, started: int, undo: bool = False) -> list[HistoryEvent]:
    """Return the history of a run whose second step timed out; it was begun at this event, or never (0)."""
    events = [HistoryEvent(event_id=number) for number in range(1, 13)]
    for number in (3, 7, 10):
        events[number - 1].event_type = TASK
        events[number - 1].workflow_task_completed_event_attributes.scheduled_event_id = number - 2
    for number, (step, task) in {4: ("charge", 3), 8: (name, 7)}.items():
        scheduled = events[number - 1].activity_task_scheduled_event_attributes
        scheduled.activity_type.name, scheduled.workflow_task_completed_event_id = step, task
    events[4].activity_task_completed_event_attributes.scheduled_event_id = 4
    timed_out = events[8].activity_task_timed_out_event_attributes
    timed_out.scheduled_event_id, timed_out.started_event_id = 8, started
    if undo:
        undone = events[10].activity_task_scheduled_event_attributes
        undone.activity_type.name, undone.workflow_task_completed_event_id = "refund", 10
        events.insert(11, HistoryEvent(event_id=12))
        events[11].activity_task_completed_event_attributes.scheduled_event_id = 11
    failure = events[-1].workflow_execution_failed_event_attributes.failure
    failure.message = "it failed"
    failure.cause.activity_failure_info.scheduled_event_id = 8
    return events


def test_a_run_begins_again_at_the_task_that_scheduled_the_failed_step() -> None:
    assert find_reset_point(history(name="ship", started=9)) == ResetPoint(7, "ship", ())


def test_steps_that_completed_after_the_failed_one_are_named() -> None:
    assert find_reset_point(history(name="ship", started=9, undo=True)) == ResetPoint(7, "ship", ("refund",))


def test_a_tool_call_that_timed_out_may_have_taken_effect_unless_it_never_began() -> None:
    assert find_reset_point(history(name=CALL_TOOL, started=9)) == ResetPoint(7, CALL_TOOL, (), unknown=True)
    assert find_reset_point(history(name=CALL_TOOL, started=0)) == ResetPoint(7, CALL_TOOL, ())


def test_without_a_failed_step_the_last_task_begins_again_and_without_any_task_nothing_does() -> None:
    events = history(name="ship", started=9)
    events[-1].workflow_execution_failed_event_attributes.failure.ClearField("cause")

    assert find_reset_point(events) == ResetPoint(10, None, ())
    assert find_reset_point(events[:1]) is None
