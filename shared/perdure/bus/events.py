"""Reads and writes users' events: CloudEvents in binary or structured mode, or bare JSON; see ``event_mode``.

Source: CloudEvents 1.0 NATS protocol binding, section 3; the JSON event format for the structured mode.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from perdure.bus.envelope import (
    JSON,
    MESSAGE_ID,
    SPEC_VERSION,
    RawMessage,
    attribute,
    describe_errors,
    header,
    header_value,
)
from perdure.bus.event_attributes import check_attributes
from perdure.bus.event_mode import JSON_TYPES, media_type, mode_of
from perdure.bus.json_body import read_json
from perdure.contracts import Event
from perdure.errors import InvalidMessage
from perdure.values.run_id import BARE_SOURCE

__all__ = ["PREFIX", "STRUCTURED", "event_id", "read_event", "read_event_and_headers", "write_event"]

PREFIX: Final = "events."
STRUCTURED: Final = "application/cloudevents+json"

_ATTRIBUTES: Final = ("id", "type", "source", "subject", "time", "dataschema", "datacontenttype")
_DATA: Final = ("data", "data_base64")
_OF_CLOUD_EVENTS: Final = "application/cloudevents"  # the binding takes JSON where no format is named

_DEEPEST: Final = (
    128  # levels; pydantic reads at most 200, and commands and results put the data into objects of theirs
)


def read_event(raw: RawMessage, *, fallback_id: str) -> Event:
    """Read an event; see ``read_event_and_headers``."""
    return read_event_and_headers(raw, fallback_id=fallback_id)[0]


def read_event_and_headers(raw: RawMessage, *, fallback_id: str) -> tuple[Event, dict[str, str]]:
    """Read an event in any of the three modes.

    Args:
        raw: The received message.
        fallback_id: Id of a bare event without ``Nats-Msg-Id``: see ``values.run_id.place_of``.

    Returns:
        The event, and the message's headers. Those of a structured event have its attributes too, extensions as well,
        as binary mode has them.

    Raises:
        InvalidMessage: The message is no event; its reason is a dead letter code.
    """
    mode = mode_of(raw)
    if not raw.body and mode != "binary":  # there the attributes are an event, without data
        raise InvalidMessage("empty_body", "The message has no body. An event's body is JSON: publish at least `{}`.")
    attributes: dict[str, str] = {}
    match mode:
        case "structured":
            envelope = _envelope(raw)
            event, attributes = _structured(envelope), _attribute_headers(envelope)
        case "binary":
            event = _binary(raw)
        case "batch":
            raise InvalidMessage("batch_not_supported", "A batch is not understood: publish each event as a message.")
        case "bare":
            event = _bare(raw, fallback_id)
    permitted = raw.subject.removeprefix(PREFIX)  # NATS permits subjects: what else a message claims counts for nothing
    if event.type != permitted:
        raise InvalidMessage(
            "bad_envelope",
            f"CloudEvent attributes: type: it is {event.type!r}, but the subject is that of {permitted!r}",
        )
    return event, {**attributes, **raw.headers}


def event_id(raw: RawMessage, *, fallback_id: str) -> str:
    """Return the id of an event, also of one that cannot be read; see ``read_event``."""
    try:
        match mode_of(raw):
            case "structured":
                envelope = read_json(raw.body)
                return str((isinstance(envelope, dict) and envelope.get("id")) or fallback_id)
            case "binary":
                return attribute(raw.headers, "id") or fallback_id
    except InvalidMessage:
        return fallback_id
    return header(raw.headers, MESSAGE_ID) or fallback_id


def write_event(event: Event) -> RawMessage:
    """Encode an event in CloudEvents binary mode, ready to publish."""
    headers = {
        MESSAGE_ID: header_value(f"{event.source}/{event.type}/{event.id}"),
        "content-type": JSON,
        "ce-datacontenttype": JSON,
        "ce-specversion": SPEC_VERSION,
        "ce-id": header_value(event.id),
        "ce-type": header_value(event.type),
        "ce-source": header_value(event.source),
    }
    if event.subject:
        headers["ce-subject"] = header_value(event.subject)
    if event.time is not None:
        headers["ce-time"] = event.time.isoformat()
    return RawMessage(PREFIX + event.type, json.dumps(event.data, ensure_ascii=False).encode(), headers)


def _envelope(raw: RawMessage) -> dict[str, JsonValue]:
    if media_type(raw) not in {*JSON_TYPES, _OF_CLOUD_EVENTS, STRUCTURED}:
        raise InvalidMessage("bad_envelope", f"content-type: {media_type(raw)!r} is not understood, only {STRUCTURED}.")
    envelope = read_json(raw.body)
    if not isinstance(envelope, dict):
        raise InvalidMessage("bad_envelope", "A structured CloudEvent is a JSON object.")
    if envelope.get("specversion") != SPEC_VERSION:
        raise InvalidMessage("bad_envelope", f"specversion: only {SPEC_VERSION} is understood.")
    return envelope


def _structured(envelope: Mapping[str, JsonValue]) -> Event:
    check_attributes({name: value for name, value in envelope.items() if name not in _DATA})
    return _validated({**envelope, "data": _structured_data(envelope)})


def _structured_data(envelope: Mapping[str, JsonValue]) -> JsonValue:
    if all(envelope.get(name) is None for name in _DATA):
        return None
    _refuse_other_data(envelope.get("datacontenttype"))
    if "data_base64" not in envelope:
        return envelope["data"]
    if "data" in envelope:
        raise InvalidMessage("bad_envelope", "data_base64: it excludes data, which is there too.")
    return read_json(_base64(envelope["data_base64"]))


def _binary(raw: RawMessage) -> Event:
    named = {name: attribute(raw.headers, name) for name in _ATTRIBUTES}
    if attribute(raw.headers, "specversion") != SPEC_VERSION:
        raise InvalidMessage("bad_envelope", f"ce-specversion: only {SPEC_VERSION} is understood.")
    check_attributes(named)
    if raw.body:
        _refuse_other_data(media_type(raw) or named["datacontenttype"])
    given = {name: value for name, value in named.items() if value is not None}
    return _validated({**given, "data": read_json(raw.body) if raw.body else None})


def _bare(raw: RawMessage, fallback_id: str) -> Event:
    return _validated(
        {
            "id": header(raw.headers, MESSAGE_ID) or fallback_id,
            "type": raw.subject.removeprefix(PREFIX),
            "source": BARE_SOURCE,
            "data": read_json(raw.body),
        }
    )


def _attribute_headers(envelope: Mapping[str, JsonValue]) -> dict[str, str]:
    found = envelope.items()
    return {f"ce-{name}": header_value(text) for name, value in found if (text := _attribute_text(name, value))}


def _attribute_text(name: str, value: JsonValue) -> str | None:
    """Return an attribute's value as text, as binary mode has it; None for data and absent attributes."""
    match value:
        case _ if name in _DATA:
            return None
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case _:
            return None


def _refuse_other_data(media: JsonValue) -> None:
    """Refuse data that is declared to be something else than JSON, as ``text/plain``.

    ``application/octet-stream`` says nothing about the data; some clients send it with everything.
    """
    kind = str(media or JSON).partition(";")[0].strip().lower()
    if not (kind.endswith(("/json", "+json")) or kind in {"", "application/octet-stream"}):
        raise InvalidMessage("bad_envelope", f"datacontenttype: {kind!r} is not understood, only JSON.")


def _validated(fields: dict[str, Any]) -> Event:
    if _is_deep(fields.get("data")):
        raise InvalidMessage("not_json", f"The data is nested too deeply: more than {_DEEPEST} levels.")
    try:
        event = Event.model_validate(fields)
    except ValidationError as error:
        raise InvalidMessage("bad_envelope", f"CloudEvent attributes: {describe_errors(error)}") from error
    if not event.id:  # that of a bare event may be a header of NATS'
        raise InvalidMessage("bad_envelope", "CloudEvent attributes: id: it may not be empty")
    return event


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


def _base64(text: JsonValue) -> bytes:
    try:
        return b64decode(str(text), validate=True)
    except ValueError as error:
        raise InvalidMessage("bad_envelope", "data_base64: it is not base64.") from error
