"""Schedules of routes: the orchestrator's NATS request and reply."""

from typing import Final

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from perdure.contracts.instant import Instant

__all__ = ["LIST_SCHEDULES", "ScheduleState", "Schedules"]

LIST_SCHEDULES: Final = "queries.schedules.list"
"""Request subject. The request has no body, the reply body is ``Schedules``."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ScheduleState(_Body):
    """The schedule of a route, as Temporal has it.

    Attributes:
        route: The name of the route.
        next: The next times at which it is due (UTC), earliest first; empty while it is paused.
        paused: Why it is paused; absent if it is not.
        published: How many due times have been published.
        missed: How many due times were skipped, because Temporal came back too late for them.
        problem: Why Temporal does not take the schedule as it is declared; absent if it does.
    """

    route: str
    next: tuple[Instant, ...] = ()
    paused: str | None = None
    published: NonNegativeInt = 0
    missed: NonNegativeInt = 0
    problem: str | None = None


class Schedules(_Body):
    """All schedules of the routes that the orchestrator has."""

    schedules: tuple[ScheduleState, ...] = ()
