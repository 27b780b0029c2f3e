"""The schedule of a route, as Temporal shall have it."""

from hashlib import sha256
from typing import Final

from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleCalendarSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)

from perdure.config.routes import Route
from perdure.values.cron import Span, parse_cron
from perdure.values.run_id import SEPARATOR
from perdure_orchestrator.schedules.publish_due import PUBLISH_DUE

__all__ = ["PAUSED_BY_FILE", "declared_schedule", "due_queue", "is_as_declared", "route_of", "schedule_id"]

PAUSED_BY_FILE: Final = "paused by perdure.yaml"
"""The note of a schedule that its route pauses; what anybody else has paused stays so."""

_OWN: Final = f"perdure{SEPARATOR}"


def due_queue(queue: str) -> str:
    """Return the task queue on which due times are published, of an orchestrator with this task queue."""
    return f"{_OWN}{queue}"


def schedule_id(queue: str, label: str) -> str:
    """Return the id of a route's schedule: a namespace may hold the schedules of several suites."""
    return f"{due_queue(queue)}{SEPARATOR}{label}"


def route_of(queue: str, id_: str) -> str | None:
    """Return the name of the route whose schedule has this id; None if it is none of this suite."""
    label = id_.removeprefix(schedule_id(queue, ""))
    return None if label == id_ or SEPARATOR in label else label


def declared_schedule(route: Route, queue: str) -> Schedule:
    """Return the schedule of a route with a ``cron``.

    Due times never overlap: publishing one takes an instant, and each is published, however late.
    """
    cron = parse_cron(route.cron or "")
    calendar = ScheduleCalendarSpec(
        second=_ranges(cron.seconds),
        minute=_ranges(cron.minutes),
        hour=_ranges(cron.hours),
        day_of_month=_ranges(cron.days),
        month=_ranges(cron.months),
        day_of_week=_ranges(cron.weekdays),
        comment=f"{route.cron} {route.timezone} [{_digest(route, queue)}]",
    )
    return Schedule(
        action=ScheduleActionStartWorkflow(
            PUBLISH_DUE,
            id=schedule_id(queue, route.label),
            task_queue=due_queue(queue),
            static_summary=f"{route.label}: {route.cron} {route.timezone}",
        ),
        spec=ScheduleSpec(calendars=[calendar], time_zone_name=route.timezone),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=route.catch_up),
        state=ScheduleState(paused=route.paused, note=PAUSED_BY_FILE if route.paused else None),
    )


def is_as_declared(found: Schedule, declared: Schedule) -> bool:
    """Return whether a schedule needs no update, its pause aside.

    An update of an unchanged schedule would do harm: Temporal drops the due times before it that it has to catch up.
    """
    return [it.comment for it in found.spec.calendars] == [it.comment for it in declared.spec.calendars]


def _ranges(spans: tuple[Span, ...]) -> list[ScheduleRange]:
    return [ScheduleRange(span.first, span.last, span.step) for span in spans]


def _digest(route: Route, queue: str) -> str:
    """Return a mark of everything that is declared: Temporal keeps the comment of a calendar, and compares nothing."""
    declared = "\n".join(map(str, (route.cron, route.timezone, route.catch_up, queue)))
    return sha256(declared.encode()).hexdigest()[:8]
