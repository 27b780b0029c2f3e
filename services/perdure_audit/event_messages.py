"""Which recorded messages are about an event: itself, its commands and facts, and dead letters of these."""

from perdure.bus import RawMessage, decode
from perdure.bus.events import event_id
from perdure.contracts import DeadLetter, Progress, SignalWorkflow, StartWorkflow
from perdure.contracts.audit import AuditRecord
from perdure.errors import InvalidMessage

__all__ = ["event_of"]


def event_of(record: AuditRecord) -> str | None:
    """Return the id of the event that a message is about, or None if it names none."""
    return _event_of(RawMessage(record.subject, record.body, record.headers), record.stream, record.sequence)


def _event_of(raw: RawMessage, stream: str, sequence: int) -> str | None:
    if stream == "EVENTS":
        return event_id(raw, fallback_id=f"{stream}.{sequence}")
    try:
        message = decode(raw)
    except InvalidMessage:
        return None
    match message:
        case StartWorkflow() | SignalWorkflow():
            return message.event.id
        case Progress():
            return message.event_id
        case DeadLetter():
            original = RawMessage(message.original_subject, message.body or b"", message.headers)
            return _event_of(original, message.stream, message.stream_sequence)
        case _:
            return None
