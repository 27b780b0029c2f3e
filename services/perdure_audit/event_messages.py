"""Which recorded messages are about an event: itself, its commands and facts, and dead letters of these."""

from datetime import datetime
from typing import NamedTuple

from perdure.bus import RawMessage, decode
from perdure.bus.events import event_id
from perdure.contracts import DeadLetter, Progress, SignalWorkflow, StartWorkflow
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
    return event in _events_of(RawMessage(record.subject, record.body, record.headers), place)


def _events_of(raw: RawMessage, place: _Place) -> set[str | None]:
    if place.stream == "EVENTS":
        today, formerly = place_of(*place), place_of(place.stream, place.sequence, None)
        id_ = event_id(raw, fallback_id=today)
        return {id_, formerly} if id_ == today else {id_}
    try:
        message = decode(raw)
    except InvalidMessage:
        return set()
    match message:
        case StartWorkflow() | SignalWorkflow():
            return {message.event.id}
        case Progress():
            return {message.event_id}
        case DeadLetter():
            original = RawMessage(message.original_subject, message.body or b"", message.headers)
            return _events_of(original, _Place(message.stream, message.stream_sequence, message.stored_at))
        case _:
            return set()
