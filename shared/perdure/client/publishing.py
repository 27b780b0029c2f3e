"""Publishes events, and says truly whether something new was stored."""

import json
from datetime import UTC, datetime
from uuid import uuid4

from opentelemetry import propagate, trace
from pydantic import JsonValue, ValidationError

from perdure.bus import NatsBus, RawMessage, write_event
from perdure.bus.envelope import describe_errors
from perdure.bus.views.data_digest import data_digest
from perdure.client.published import PublishedEvent
from perdure.contracts import Event
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome, EventQuery
from perdure.errors import Conflict, NotConfirmed, StreamFull, Unavailable, WrongArgument
from perdure.values.event_type import type_problem

__all__ = ["new_event", "publish_event"]


def new_event(  # noqa: PLR0913, PLR0917 (the attributes of a CloudEvent)
    type_: str,
    data: JsonValue,
    id_: str | None = None,
    source: str = "perdure/client",
    subject: str | None = None,
    time: datetime | None = None,
) -> Event:
    """Return an event; its id is random and its time is now unless they are given, its data an empty object.

    Raises:
        WrongArgument: The type cannot be a NATS subject, or an attribute or the data is wrong.
    """
    if problem := type_problem(type_):
        raise WrongArgument(problem)
    if id_ == "":
        raise WrongArgument("An event's id may not be empty: leave it out, or name one.")
    try:
        json.dumps(data, allow_nan=False)
        return Event(
            id=id_ or uuid4().hex,
            type=type_,
            source=source,
            subject=subject,
            time=time or datetime.now(UTC),
            data={} if data is None else data,
        )
    except ValidationError as error:
        raise WrongArgument(f"The event is wrong: {describe_errors(error)}.") from error
    except (TypeError, ValueError) as error:
        raise WrongArgument(f"The event's data is not JSON: {error}.") from error


async def publish_event(bus: NatsBus, event: Event) -> PublishedEvent:
    """Publish an event within a span of its own, from which its whole trace grows.

    Raises:
        Conflict: An event with this id and other data was published shortly before.
        InvalidMessage: It is larger than NATS accepts.
        NotConfirmed: NATS did not confirm that it stored the event.
        StreamFull: NATS refused it for want of room: it is not stored.
    """
    wire = write_event(event)
    tracer = trace.get_tracer("perdure.client")
    with tracer.start_as_current_span(f"publish {event.type}", attributes={"perdure.event_id": event.id}):
        headers = dict(wire.headers)
        propagate.inject(headers)
        try:
            stored = await bus.store(RawMessage(wire.subject, wire.body, headers))
        except StreamFull:
            raise
        except Unavailable as error:
            raise NotConfirmed(
                event.id,
                f"NATS did not confirm that it stored the event {event.id}: it may be stored or not. Publish it again "
                f"with the same id (`--id {event.id}`): then it is stored once. ({error})",
            ) from error
    if stored.duplicate:
        await _refuse_other_data(bus, event, stored.sequence)
    return PublishedEvent(event.id, event.type, event.source, stored.sequence, duplicate=stored.duplicate)


async def _refuse_other_data(bus: NatsBus, event: Event, sequence: int) -> None:
    """Raise if the stored event of this id has other data: JetStream compares ids only.

    Where no ingest service answers, nothing is compared; the stored event counts all the same.
    """
    query = EventQuery(id=event.id, source=event.source, stream_sequence=sequence)
    try:
        reply = await bus.request(f"{EVENT_OUTCOME}.{event.type}", query.model_dump_json().encode())
    except Unavailable:
        return
    stored, ours = EventOutcome.model_validate_json(reply), data_digest(event.data)
    if None not in {ours, stored.data_digest} and ours != stored.data_digest:
        raise Conflict(
            f"The id {event.id} names another event: EVENTS {sequence}, which has other data. Nothing was stored: "
            "publish this event under an id of its own."
        )
