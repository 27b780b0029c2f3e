"""Users' events come in three modes: CloudEvents binary, CloudEvents structured, and bare JSON.

Source: CloudEvents 1.0 NATS protocol binding, section 3; the JSON event format for the structured mode.
"""

import json
import math
from base64 import b64decode
from typing import Any, Final, Never

from pydantic import JsonValue, ValidationError

from perdure.bus.envelope import MESSAGE_ID, SPEC_VERSION, RawMessage, attribute, describe_errors, header_value
from perdure.contracts import Event
from perdure.errors import InvalidMessage

__all__ = ["PREFIX", "STRUCTURED", "read_event", "write_event"]

PREFIX: Final = "events."
STRUCTURED: Final = "application/cloudevents+json"


def read_event(wire: RawMessage, *, fallback_id: str) -> Event:
    """Read an event in whichever mode it came.

    Args:
        wire: What arrived.
        fallback_id: The id of a bare event without ``Nats-Msg-Id``: its place in the stream, the same on redelivery.

    Raises:
        InvalidMessage: It is no event; the reason is one of the dead letters' closed set.
    """
    if not wire.body:
        raise InvalidMessage("empty_body", "The message has no body; an event's body is JSON, `{}` at the least.")
    content_type = _header(wire, "content-type") or ""
    if content_type.lower().startswith(STRUCTURED):
        return _structured(_json(wire.body))
    if attribute(wire.headers, "specversion") is not None:
        return _binary(wire)
    return _bare(wire, fallback_id)


def write_event(event: Event) -> RawMessage:
    """Write an event in binary mode, ready to publish."""
    headers = {
        MESSAGE_ID: header_value(f"{event.source}/{event.type}/{event.id}"),
        "content-type": "application/json",
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(event.id),
        "ce-type": event.type,
        "ce-source": header_value(event.source),
    }
    if event.subject is not None:
        headers["ce-subject"] = header_value(event.subject)
    if event.time is not None:
        headers["ce-time"] = event.time.isoformat()
    return RawMessage(PREFIX + event.type, json.dumps(event.data, ensure_ascii=False).encode(), headers)


def _structured(envelope: JsonValue) -> Event:
    if not isinstance(envelope, dict):
        raise InvalidMessage("bad_envelope", "A structured CloudEvent is a JSON object.")
    if envelope.get("specversion") != SPEC_VERSION:
        raise InvalidMessage("bad_envelope", f"specversion: only {SPEC_VERSION} is understood.")
    data = envelope.get("data")
    if "data_base64" in envelope:
        data = _json(_base64(envelope["data_base64"]))
    return _validated({**envelope, "data": data})


def _binary(wire: RawMessage) -> Event:
    named = {name: attribute(wire.headers, name) for name in ("id", "type", "source", "subject", "time")}
    if attribute(wire.headers, "specversion") != SPEC_VERSION:
        raise InvalidMessage("bad_envelope", f"ce-specversion: only {SPEC_VERSION} is understood.")
    return _validated({**{name: value for name, value in named.items() if value is not None}, "data": _json(wire.body)})


def _bare(wire: RawMessage, fallback_id: str) -> Event:
    return _validated(
        {
            "id": _header(wire, MESSAGE_ID) or fallback_id,
            "type": wire.subject.removeprefix(PREFIX),
            "source": "nats",
            "data": _json(wire.body),
        }
    )


def _validated(fields: dict[str, Any]) -> Event:
    try:
        event = Event.model_validate(fields)
    except ValidationError as error:
        raise InvalidMessage("bad_envelope", f"CloudEvent attributes: {describe_errors(error)}") from error
    if not event.id:
        raise InvalidMessage("bad_envelope", "CloudEvent attributes: id: it may not be empty")
    return event


def _json(body: bytes) -> JsonValue:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage("not_utf8", f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidMessage("not_json", "The body has half of a surrogate pair, which no UTF-8 can hold.") from error
    except RecursionError as error:
        raise InvalidMessage("not_json", "The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidMessage("not_json", f"The body is not JSON: {error}.") from error
    return value


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is larger than any double")
    return number


def _base64(text: JsonValue) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except ValueError as error:
        raise InvalidMessage("bad_envelope", "data_base64: it is not base64.") from error


def _header(wire: RawMessage, name: str) -> str | None:
    return next((value for key, value in wire.headers.items() if key.lower() == name.lower()), None)
