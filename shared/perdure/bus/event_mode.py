"""In which mode a message carries an event: CloudEvents' binary, structured or batched mode, or bare JSON.

Source: CloudEvents 1.0.2, NATS protocol binding, section 3; the media types are those of sections 1.4 and 3 of the
JSON event format. Structured events without a content type are what Dapr and the protocol nats of sdk-go send.
"""

from typing import Final, Literal

from pydantic import JsonValue

from perdure.bus.envelope import RawMessage, header
from perdure.bus.json_body import read_json
from perdure.errors import InvalidMessage

__all__ = ["JSON_TYPES", "Mode", "media_type", "mode_by_headers", "mode_of"]

Mode = Literal["structured", "binary", "batch", "bare"]

JSON_TYPES: Final = ("", "application/json", "text/json")
"""The content types of JSON; without one a body is taken for JSON."""

_STRUCTURED: Final = "application/cloudevents"
_BATCH: Final = "application/cloudevents-batch"
_REQUIRED: Final = ("specversion", "id", "source", "type")


def mode_of(raw: RawMessage) -> Mode:
    """Return the mode of a message; a body that is an envelope is one although no header says so."""
    mode = mode_by_headers(raw)
    if mode != "bare" or media_type(raw) not in JSON_TYPES or b'"specversion"' not in raw.body:
        return mode
    try:
        return "structured" if _is_envelope(read_json(raw.body)) else "bare"
    except InvalidMessage:
        return "bare"


def mode_by_headers(raw: RawMessage) -> Mode:
    """Return the mode that the headers say."""
    media = media_type(raw)
    if media.startswith(_BATCH):
        return "batch"
    if media.startswith(_STRUCTURED):
        return "structured"
    return "bare" if header(raw.headers, "ce-specversion") is None else "binary"


def media_type(raw: RawMessage) -> str:
    """Return the content type in lower case, without parameters; empty if there is none."""
    return (header(raw.headers, "content-type") or "").partition(";")[0].strip().lower()


def _is_envelope(value: JsonValue) -> bool:
    """Return whether JSON has every attribute that a CloudEvent must have."""
    return isinstance(value, dict) and all(isinstance(value.get(name), str) for name in _REQUIRED)
