"""Reads a stored message of EVENTS as an event."""

from perdure.bus import StoredMessage
from perdure.bus.events import read_event_and_headers
from perdure.contracts import Event
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of
from perdure_ingest.variables import Arrival

__all__ = ["receive"]


def receive(message: StoredMessage, *, max_payload_bytes: int) -> tuple[Event, Arrival]:
    """Return the event, and how NATS received it.

    Raises:
        InvalidMessage: The body is larger than ``max_payload_bytes``, or the message is no event.
    """
    raw = message.raw
    if len(raw.body) > max_payload_bytes:
        raise InvalidMessage("too_large", f"{len(raw.body)} bytes; ingest takes at most {max_payload_bytes}")
    event, headers = read_event_and_headers(
        raw, fallback_id=place_of(message.stream, message.sequence, message.stored_at)
    )
    return event, Arrival(message.sequence, message.stored_at, headers)
