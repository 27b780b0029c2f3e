"""What makes two deliveries one event: today, and in 0.1, whose claims the start ledger still holds."""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from perdure.contracts import Event
from perdure.values.run_id import BARE_SOURCE, place_of
from perdure_ingest.variables import Arrival

__all__ = ["event_digest", "former_digest", "former_id", "json_digest"]


def event_digest(event: Event) -> str:
    """Return the SHA-256 of an event's id, source, type and data, in hex."""
    return json_digest(event.id, event.source, event.type, event.data)


def former_digest(event: Event, id_: str) -> str:
    """Return the digest of 0.1, which left the source out, under the id that the event had there."""
    return json_digest(id_, event.type, event.data)


def former_id(event: Event, arrival: Arrival) -> tuple[str, datetime | None]:
    """Return the id that the event had in 0.1, and since when (UTC) it names this event; None for ever.

    An event without an id of its own was ``EVENTS.<sequence>``, as others before the stream was made anew.
    """
    if event.source == BARE_SOURCE and event.id == place_of("EVENTS", arrival.stream_sequence, arrival.stored_at):
        return place_of("EVENTS", arrival.stream_sequence, None), arrival.stored_at
    return event.id, None


def json_digest(*parts: Any) -> str:
    """Return the SHA-256 of JSON values, in hex."""
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
