"""The tiny workflow that a schedule starts at each due time: it publishes the event of that time, once."""

from datetime import datetime, timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.common import RetryPolicy, SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from pydantic import BaseModel
    from pydantic_core import to_jsonable_python

    from perdure.bus import Bus, RawMessage, write_event
    from perdure.bus.envelope import MESSAGE_ID
    from perdure.contracts import Event
    from perdure.values.event_type import SCHEDULED
    from perdure.values.run_id import SEPARATOR

__all__ = ["PUBLISH_DUE", "DuePublisher", "DueTime", "PublishDue", "due_event"]

PUBLISH_DUE: Final = "perdure_publish_due"

_SOURCE: Final = "perdure/schedules"
_SCHEDULE: Final = SearchAttributeKey.for_keyword("TemporalScheduledById")
_DUE_AT: Final = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
_RETRY: Final = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10))
_ONE_TRY: Final = timedelta(seconds=10)


class DueTime(BaseModel, frozen=True):
    """A due time of a route.

    Attributes:
        route: The name of the route.
        at: The time (UTC), whenever it is published.
    """

    route: str
    at: datetime


def due_event(due: DueTime) -> Event:
    """Return the event of a due time: the same whoever publishes it, and how often."""
    at = str(to_jsonable_python(due.at))
    return Event(
        id=f"{due.route}@{at}",
        type=f"{SCHEDULED}.{due.route}",
        source=_SOURCE,
        time=due.at,
        data={"due_at": at},
    )


@workflow.defn(name=PUBLISH_DUE)
class PublishDue:
    """Publishes one due time; the schedule carries no payload, so Temporal's attributes say which."""

    @workflow.run
    async def run(self) -> None:
        """Publish it, however often that must be tried."""
        attributes = workflow.info().typed_search_attributes
        route = attributes[_SCHEDULE].rpartition(SEPARATOR)[2]
        due = DueTime(route=route, at=attributes[_DUE_AT])
        await workflow.execute_activity_method(
            DuePublisher.publish, due, start_to_close_timeout=_ONE_TRY, retry_policy=_RETRY, summary=due_event(due).id
        )


class DuePublisher:
    """The step that publishes a due time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @activity.defn(name="perdure_publish_due_event")
    async def publish(self, due: DueTime) -> None:
        """Publish the event of a due time; NATS stores one of a run of the schedule, and ingest knows a later copy.

        The message id holds Temporal's run id: JetStream would drop the event if another had an id that can be guessed.
        """
        raw = write_event(due_event(due))
        message_id = f"{raw.headers[MESSAGE_ID]}/{activity.info().workflow_run_id}"
        await self._bus.publish_raw(RawMessage(raw.subject, raw.body, {**raw.headers, MESSAGE_ID: message_id}))
