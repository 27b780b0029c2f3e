"""Reads and writes users' events: CloudEvents in binary or structured mode, or bare JSON.

Source: CloudEvents 1.0 NATS protocol binding, section 3; the JSON event format for the structured mode.
"""

import json
import math
from base64 import b64decode
from collections.abc import Iterable
from typing import Any, Final, Never

from pydantic import JsonValue, ValidationError

from perdure.bus.envelope import MESSAGE_ID, SPEC_VERSION, RawMessage, attribute, describe_errors, header, header_value
from perdure.contracts import Event
from perdure.errors import InvalidMessage

__all__ = ["PREFIX", "STRUCTURED", "event_id", "read_event", "write_event"]

PREFIX: Final = "events."
STRUCTURED: Final = "application/cloudevents+json"

_DEEPEST: Final = (
    128  # levels; pydantic reads at most 200, and commands and results put the data into objects of theirs
)


def read_event(raw: RawMessage, *, fallback_id: str) -> Event:
    """Read an event in any of the three modes.

    Args:
        raw: The received message.
        fallback_id: Id of a bare event without ``Nats-Msg-Id``: its place in the stream, stable across redeliveries.

    Raises:
        InvalidMessage: The message is no event; its reason is a dead letter code.
    """
    if not raw.body:
        raise InvalidMessage("empty_body", "The message has no body. An event's body is JSON: publish at least `{}`.")
    content_type = header(raw.headers, "content-type") or ""
    if content_type.lower().startswith(STRUCTURED):
        return _structured(_json(raw.body))
    if attribute(raw.headers, "specversion") is not None:
        return _binary(raw)
    return _bare(raw, fallback_id)


def event_id(raw: RawMessage, *, fallback_id: str) -> str:
    """Return the id of an event, also of one that cannot be read; see ``read_event``."""
    if (header(raw.headers, "content-type") or "").lower().startswith(STRUCTURED):
        try:
            envelope = _json(raw.body)
        except InvalidMessage:
            return fallback_id
        return str((isinstance(envelope, dict) and envelope.get("id")) or fallback_id)
    if attribute(raw.headers, "specversion") is not None:
        return attribute(raw.headers, "id") or fallback_id
    return header(raw.headers, MESSAGE_ID) or fallback_id


def write_event(event: Event) -> RawMessage:
    """Encode an event in CloudEvents binary mode, ready to publish."""
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


def _binary(raw: RawMessage) -> Event:
    named = {name: attribute(raw.headers, name) for name in ("id", "type", "source", "subject", "time")}
    if attribute(raw.headers, "specversion") != SPEC_VERSION:
        raise InvalidMessage("bad_envelope", f"ce-specversion: only {SPEC_VERSION} is understood.")
    return _validated({**{name: value for name, value in named.items() if value is not None}, "data": _json(raw.body)})


def _bare(raw: RawMessage, fallback_id: str) -> Event:
    return _validated(
        {
            "id": header(raw.headers, MESSAGE_ID) or fallback_id,
            "type": raw.subject.removeprefix(PREFIX),
            "source": "nats",
            "data": _json(raw.body),
        }
    )


def _validated(fields: dict[str, Any]) -> Event:
    if _is_deep(fields.get("data")):
        raise InvalidMessage("not_json", f"The data is nested too deeply: more than {_DEEPEST} levels.")
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
        raise InvalidMessage(
            "not_json", "The body contains half of a surrogate pair, which UTF-8 cannot encode."
        ) from error
    except RecursionError as error:
        raise InvalidMessage("not_json", "The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidMessage("not_json", f"The body is not JSON: {error}.") from error
    return value


def _is_deep(data: JsonValue) -> bool:
    level = [data]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _inner(value: JsonValue) -> Iterable[JsonValue]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
        case _:
            return ()


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
