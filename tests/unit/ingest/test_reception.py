"""What a route can read of an event is the same in each of CloudEvents' modes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.bus.events import STRUCTURED
from perdure.bus.json_body import read_json
from perdure.config.routes import Route
from perdure_ingest.reception import receive
from perdure_ingest.rules import Rule
from perdure_ingest.variables import EventVariables

STORED = datetime(2026, 11, 23, 12, tzinfo=UTC)
ATTRIBUTES: dict[str, Any] = {"specversion": "1.0", "id": "7", "source": "/a", "type": "paid"}
EXTENSIONS: dict[str, Any] = {"tenant": "Bäcker & Co", "urgent": True, "attempt": 3}
ENVELOPE = {**ATTRIBUTES, **EXTENSIONS, "data": {"n": 1}, "nothing": None}
BINARY = {
    **{f"ce-{name}": value for name, value in ATTRIBUTES.items()},
    "ce-tenant": "B%C3%A4cker%20&%20Co",
    "ce-urgent": "true",
    "ce-attempt": "3",
}


def variables(body: Any, **headers: str) -> EventVariables:
    raw = RawMessage("events.paid", json.dumps(body).encode(), headers)
    return EventVariables(*receive(StoredMessage(raw, "EVENTS", 7, STORED, 0), max_payload_bytes=10_000))


@pytest.mark.parametrize("name", ["tenant", "urgent", "attempt"])
def test_extensions_are_the_same_in_structured_as_in_binary_mode(name: str) -> None:
    rule = Rule(
        Route(on="paid", start="Paid", workflow_id=f"paid-{{headers.ce-{name}}}", input=f"headers['ce-{name}']")
    )

    binary, structured, untyped = (
        rule.evaluate(it)
        for it in (
            variables({"n": 1}, **BINARY),
            variables(ENVELOPE, **{"content-type": "application/cloudevents+json"}),
            variables(ENVELOPE),
        )
    )

    assert binary.refusal is None
    assert binary == structured == untyped


def test_an_absent_attribute_is_no_header_and_the_message_s_own_headers_win() -> None:
    read = variables(ENVELOPE, **{"Ce-Tenant": "mine"}).values["headers"]

    assert read["ce-tenant"] == "mine"
    assert set(read) == {f"ce-{name}" for name in (*ATTRIBUTES, *EXTENSIONS)}


def test_a_structured_event_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = []

    def counted(body: bytes) -> Any:
        bodies.append(body)
        return read_json(body)

    monkeypatch.setattr("perdure.bus.events.read_json", counted)

    assert variables(ENVELOPE, **{"content-type": STRUCTURED}).arrival.headers["ce-tenant"] == BINARY["ce-tenant"]
    assert len(bodies) == 1
