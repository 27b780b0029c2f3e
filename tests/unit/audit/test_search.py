"""The audit store finds messages by state, event and key, also those that 0.1 published."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from perdure.bus import RawMessage, StoredMessage, encode
from perdure.bus.dead_letter import make_dead_letter
from perdure.config.settings import Settings
from perdure.contracts import (
    CancelWorkflow,
    EventReference,
    EventVerdict,
    Progress,
    ProgressKind,
    RouteVerdict,
    StartWorkflow,
    fit_event_id,
)
from perdure.contracts.audit import AuditRecordsQuery
from perdure.values.run_id import place_of
from perdure_audit.store import Store, open_store

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def event(number: int, body: bytes = b"{}", **headers: str) -> StoredMessage:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return StoredMessage(RawMessage("events.ordered", body, named), "EVENTS", number, NOW, 0)


def fact(number: int, kind: ProgressKind, **more: Any) -> StoredMessage:
    about = Progress(workflow="Order", workflow_id="Order-1", run_id="r", sequence=number, kind=kind, at=NOW, **more)
    return StoredMessage(encode(about, source="test"), "PROGRESS", number, NOW, 0)


def start(number: int, event_id: str, key: str | None = None) -> StoredMessage:
    command = StartWorkflow(
        route="Order",
        event=EventReference(id=event_id, type="ordered", source="test", stream_sequence=1),
        workflow="Order",
        workflow_id="Order-1",
        digest="0" * 64,
        input={"event_id": "the-input-s"},
        key=key,
    )
    return StoredMessage(encode(command, source="test"), "COMMANDS", number, NOW, 0)


def cancel(number: int) -> StoredMessage:
    command = CancelWorkflow(workflow="Order", workflow_id="Order-1", instead="Order-2")
    return StoredMessage(encode(command, source="test"), "COMMANDS", number, NOW, 0)


def dead_letter(number: int, about: StoredMessage) -> StoredMessage:
    raw = encode(make_dead_letter(about, "not_json", "It is not JSON.", service="ingest"), source="test")
    return StoredMessage(raw, "DLQ", number, NOW, 0)


def verdict(number: int, sequence: int, event_id: str) -> StoredMessage:
    about = EventVerdict(
        event_id=fit_event_id(event_id),
        event_type="ordered",
        stream_sequence=sequence,
        rules="0" * 64,
        routes=(RouteVerdict(route="Order", verdict="no_match", detail='event_id is "order-2"'),),
    )
    return StoredMessage(encode(about, source="test"), "VERDICTS", number, NOW, 0)


LONG = "long-" + "x" * 600
STRUCTURED = {"content_type": "application/cloudevents+json"}
MESSAGES = [
    event(1, Nats_Msg_Id="order-1"),
    event(2, ce_specversion="1.0", ce_id="na%C3%AFve%20one"),
    event(3, json.dumps({"specversion": "1.0", "id": "naïve one"}).encode(), **STRUCTURED),
    event(4),
    event(5, b"{", Nats_Msg_Id="broken", ce_partitionkey="acme"),
    start(1, "order-1", "acme"),
    start(2, "naïve one", "Bäcker"),
    cancel(3),
    fact(1, "started", event_id="order-1", key="acme"),
    fact(2, "step_failed", event_id="order-1", key="acme", result={"event_id": "EVENTS.4", "key": "Bäcker"}),
    fact(3, "failed", event_id="EVENTS.4"),
    fact(4, "note", part=2, event_id="order-12"),
    fact(5, "note", event_id='a "b"\\'),
    dead_letter(1, event(5, b"{", Nats_Msg_Id="broken")),
    dead_letter(2, event(4, b"{")),
    dead_letter(3, start(1, "order-1")),
    verdict(1, 1, "order-1"),
    verdict(2, 2, "naïve one"),
    verdict(3, 4, place_of("EVENTS", 4, NOW)),
    verdict(4, 41, place_of("EVENTS", 41, NOW)),
    verdict(5, 6, LONG),
]


@pytest_asyncio.fixture
async def store(audited: Settings) -> AsyncIterator[Store]:
    async with open_store(audited) as store:
        await store.add(MESSAGES)
        yield store


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"event": "order-1"}, ["EVENTS 1", "COMMANDS 1", "PROGRESS 1", "PROGRESS 2", "DLQ 3", "VERDICTS 1"]),
        ({"event": "order-1", "limit": 2}, ["DLQ 3", "VERDICTS 1"]),
        ({"event": "order-1", "limit": 2, "after": 0}, ["EVENTS 1", "COMMANDS 1"]),
        ({"event": "order-1", "kinds": ("started",)}, ["PROGRESS 1"]),
        ({"event": "naïve one"}, ["EVENTS 2", "EVENTS 3", "COMMANDS 2", "VERDICTS 2"]),
        ({"event": "order-2"}, []),
        ({"event": LONG}, ["VERDICTS 5"]),
        ({"event": "EVENTS.4"}, ["EVENTS 4", "PROGRESS 3", "DLQ 2", "VERDICTS 3"]),
        ({"event": place_of("EVENTS", 4, NOW)}, ["EVENTS 4", "DLQ 2", "VERDICTS 3"]),
        ({"event": place_of("EVENTS", 4, NOW + timedelta(seconds=1))}, []),
        ({"event": "broken"}, ["EVENTS 5", "DLQ 1"]),
        ({"event": 'a "b"\\'}, ["PROGRESS 5"]),
        ({"event": "the-input-s"}, []),
        ({"event": "%"}, []),
        ({"event": "order_1"}, []),
        ({"event": ""}, []),
        ({"kinds": ("failed",)}, ["PROGRESS 3"]),
        ({"kinds": ("note", "step_failed")}, ["PROGRESS 2", "PROGRESS 4", "PROGRESS 5"]),
        ({"key": "acme"}, ["COMMANDS 1", "PROGRESS 1", "PROGRESS 2"]),
        ({"key": "Bäcker"}, ["COMMANDS 2"]),
        ({"key": "a%"}, []),
        ({"key": ""}, []),
        ({"key": "acme", "stream": "COMMANDS"}, ["COMMANDS 1"]),
    ],
)
async def test_records_are_found_by_state_event_and_key(store: Store, query: dict[str, Any], found: list[str]) -> None:
    records = (await store.find(AuditRecordsQuery(**query))).records

    assert [f"{record.stream} {record.sequence}" for record in records] == found
