"""Which recorded messages are about an event: itself, its verdicts, commands and facts, and their dead letters."""

from datetime import datetime
from typing import NamedTuple

from perdure.bus import RawMessage, decode
from perdure.bus.events import event_id
from perdure.contracts import DeadLetter, EventVerdict, Message, Progress, SignalWorkflow, StartWorkflow, fit_event_id
from perdure.contracts.audit import AuditRecord
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of

__all__ = ["is_about"]


class _Place(NamedTuple):
    stream: str
    sequence: int
    stored_at: datetime | None


def is_about(record: AuditRecord, event: str) -> bool:
    """Return whether a message is about the event with this id, by which 0.1 may have known it too."""
    place = _Place(record.stream, record.sequence, record.stored_at)
    events = _events_of(RawMessage(record.subject, record.body, record.headers), place)
    return not events.isdisjoint({event, fit_event_id(event)})


def _events_of(raw: RawMessage, place: _Place) -> set[str | None]:
    if place.stream == "EVENTS":
        today, formerly = place_of(*place), place_of(place.stream, place.sequence, None)
        id_ = event_id(raw, fallback_id=today)
        return {id_, formerly} if id_ == today else {id_}
    match _decoded(raw):
        case StartWorkflow() | SignalWorkflow() as message:
            return {message.event.id}
        case EventVerdict() as message:
            formerly = place_of("EVENTS", message.stream_sequence, None)
            is_bare = message.event_id.startswith(f"{formerly}.")
            return {message.event_id, formerly} if is_bare else {message.event_id}
        case Progress() as message:
            return {message.event_id}
        case DeadLetter() as message:
            original = RawMessage(message.original_subject, message.body or b"", message.headers)
            return _events_of(original, _Place(message.stream, message.stream_sequence, message.stored_at))
        case _:
            return set()


def _decoded(raw: RawMessage) -> Message | None:
    try:
        return decode(raw)
    except InvalidMessage:
        return None
