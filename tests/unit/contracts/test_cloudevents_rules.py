"""Events are valid and invalid as CloudEvents' own conformance cases have them, in both modes.

Source: github.com/cloudevents/conformance, format/json, as of 2024; the values here are our own.
"""

import json
from typing import Any

import pytest

from perdure.bus import RawMessage, read_event
from perdure.bus.envelope import header_value
from perdure.contracts import Event
from perdure.errors import InvalidMessage

ATTRIBUTES = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "orders.placed"}
SUBJECT = "events.orders.placed"


def structured(attributes: dict[str, Any]) -> Event:
    raw = RawMessage(SUBJECT, json.dumps(attributes).encode(), {"content-type": "application/cloudevents+json"})
    return read_event(raw, fallback_id="unused")


def binary(attributes: dict[str, Any], body: bytes = b"") -> Event:
    headers = {f"ce-{name}": header_value(value) for name, value in attributes.items() if value is not None}
    return read_event(RawMessage(SUBJECT, body, headers), fallback_id="unused")


@pytest.mark.parametrize("mode", [structured, binary])
@pytest.mark.parametrize(
    "more",
    [
        {},
        dict.fromkeys(["datacontenttype", "dataschema", "subject", "time"]),
        {"datacontenttype": "text/plain", "dataschema": "https://a.example/b", "subject": "c"},
        {"time": "2026-11-29T12:00:00Z"},
        {"time": "2026-11-29T12:00:00.000000000Z"},
        {"time": "2026-11-29T13:00:00+01:00"},
        {"time": "2026-11-29t10:59:59.5-01:00"},
        {"source": "#fragment"},
        {"source": "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"},
        {"traceid": "ab", "n1": "7", "when": "2026-11-29T12:00:00Z", "where": "//a/b"},
    ],
)
def test_what_the_specification_allows_is_an_event_without_data(mode: Any, more: dict[str, Any]) -> None:
    event = mode(ATTRIBUTES | more)

    assert (event.id, event.source, event.data) == ("1", more.get("source", "/shop"), None)


def test_extensions_of_every_type_are_allowed() -> None:
    assert (
        structured(ATTRIBUTES | {"number": 10, "flag": True, "text": "a", "bytes": "TWE=", "nothing": None}).id == "1"
    )


@pytest.mark.parametrize("mode", [structured, binary])
@pytest.mark.parametrize("missing", ATTRIBUTES)
def test_a_required_attribute_may_neither_be_missing_nor_empty(mode: Any, missing: str) -> None:
    without = {name: value for name, value in ATTRIBUTES.items() if name != missing}
    for attributes in (without | {missing: ""}, without):
        if missing == "specversion" and mode is binary and missing not in attributes:
            continue  # without it a message is bare JSON
        with pytest.raises(InvalidMessage) as refused:
            mode(attributes)
        assert refused.value.reason == "bad_envelope"


@pytest.mark.parametrize("mode", [structured, binary])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("specversion", "0.9"),
        ("time", "lunch"),
        ("time", "2026-11-29T12:00Z"),
        ("time", "2026-11-29 12:00:00Z"),
        ("time", "2026-11-29T12:00:00"),
        ("time", "2026-11-29T12:00:00X"),
        ("time", "2026-11-29T12:00:00+25:00"),
        ("time", "2026-11-29T12:00:00+xx:00"),
        ("time", "2026-11-29T12:00:00+05"),
        ("time", "2026-02-30T12:00:00Z"),
        ("time", "1764417600"),
        ("datacontenttype", "xyz"),
        ("datacontenttype", ""),
        ("dataschema", ""),
        ("subject", ""),
    ],
)
def test_an_attribute_of_another_form_is_refused(mode: Any, name: str, value: str) -> None:
    with pytest.raises(InvalidMessage, match=name) as refused:
        mode(ATTRIBUTES | {name: value})

    assert refused.value.reason == "bad_envelope"


OTHER_TYPES: list[Any] = [25, {"a": 1}, ["a"], True]
OTHER_TIMES: list[Any] = [1764417600, 1.5, {}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("id", value) for value in OTHER_TYPES),
        *(("time", value) for value in OTHER_TIMES),
        *((name, "bad") for name in ("MyExtension", "my.extension", "my_extension", "my-extension", "größe", "")),
        *(("extension", value) for value in OTHER_TYPES if not isinstance(value, int)),
        ("extension", 1.5),
        ("data_base64", "eyJhIjogMX0="),
    ],
)
def test_a_structured_event_with_what_no_attribute_can_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidMessage) as refused:
        structured(ATTRIBUTES | {"data": "text", name: value})

    assert refused.value.reason == "bad_envelope"
