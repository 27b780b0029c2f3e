"""What is known of a due time of a schedule that has no event."""

from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from perdure.bus.views.snapshots.sources import AskedSources, cited
from perdure.contracts import ScheduleChanged, to_token
from perdure.contracts.instant import Instant
from perdure.contracts.schedules import LIST_SCHEDULES, Schedules
from perdure.explain import DueFacts, FactSnapshot

__all__ = ["due_event_id", "due_snapshot"]

_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)


def due_event_id(text: str, route: str | None = None) -> str | None:
    """Return the id that the event of a due time has, ``<route>@<time in UTC>``; None if the text names none.

    Args:
        text: ``<route>@<time>``, or only the time if a route is given; of any zone, as RFC 3339 has it.
        route: The route that is asked about.
    """
    before, _, time = text.rpartition("@")
    name = before or route
    if not name or not time[:1].isdecimal() or "T" not in time.upper():
        return None
    try:
        return f"{name}@{to_jsonable_python(_INSTANT.validate_python(time))}"
    except ValidationError:
        return None


async def due_snapshot(sources: AskedSources, event_id: str) -> FactSnapshot | None:
    """Return what is known of a due time of which there is no event; None if the route never had a schedule.

    Args:
        sources: Who is asked.
        event_id: As ``due_event_id`` returns it.
    """
    route, _, time = event_id.rpartition("@")
    stored = await sources.messages("ADMIN", f"admin.schedule.{to_token(route)}")
    changes = tuple(it for message in stored if (it := cited(message, ScheduleChanged)) is not None)
    if not changes:
        return None
    found = await sources.request_body("orchestrator", LIST_SCHEDULES, b"", Schedules)
    state = None if found is None else next((it for it in found.schedules if it.route == route), None)
    due = DueFacts(route, _INSTANT.validate_python(time), datetime.now(UTC), changes, state)
    return FactSnapshot(event_id, "due_time", due=due)
