"""Records that the verifier makes of messages that Perdure's own encoder writes, so that the two must agree."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast

import pytest
from nats.js import JetStreamContext

from perdure.bus import encode, read_event, write_event
from perdure.bus.envelope import RawMessage
from perdure.contracts import DeadLetter, Event, Progress
from perdure.values.run_id import place_of
from perdure.verify.identity import event_id
from perdure.verify.records import Command, DeadLetterRecord, Fact, Published, StreamEntry
from perdure.verify.stream_message import StreamMessage
from perdure.verify.streams import AUDITED, Streams

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STORED = 1767225600 * 10**9 + 999  # the same time: ids have whole microseconds


def record(stream: str, raw: RawMessage, sequence: int = 7) -> Streams:
    streams = Streams(cast("JetStreamContext", None))
    streams.add(StreamMessage(stream, sequence, STORED, raw.subject, raw.headers, raw.body))
    return streams


@pytest.mark.parametrize(
    "raw",
    [
        write_event(Event(id="é 1/2", type="a.b", source="x")),
        RawMessage("events.a.b", b"{}", {"Nats-Msg-Id": "42"}),
        RawMessage("events.a.b", b"{}", {"nats-msg-id": "42"}),
        RawMessage("events.a.b", b"{}", {}),
        RawMessage(
            "events.a.b",
            json.dumps({"specversion": "1.0", "id": "s", "type": "a.b", "source": "x"}).encode(),
            {"content-type": "application/cloudevents+json; charset=utf-8"},
        ),
    ],
    ids=["binary", "message id", "message id in lower case", "bare", "structured"],
)
def test_an_event_has_the_id_that_ingest_gives_it(raw: RawMessage) -> None:
    ingest_id = read_event(raw, fallback_id=place_of("EVENTS", 7, NOW)).id

    assert record("EVENTS", raw).published == [
        Published(7, "events.a.b", ingest_id, sha256(raw.body).hexdigest()),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_an_unreadable_envelope_leaves_the_stream_position_as_id(body: bytes) -> None:
    assert event_id({"Content-Type": "application/cloudevents+json"}, body, position="EVENTS.7") == "EVENTS.7"


def test_every_message_is_recorded_as_a_stream_entry() -> None:
    for stream in AUDITED:
        assert record(stream, RawMessage("a.subject", b"what", {})).entries == [
            StreamEntry(stream, 7, "a.subject", sha256(b"what").hexdigest())
        ]


def test_a_command_names_its_event() -> None:
    assert record("COMMANDS", RawMessage("commands.start.P", b'{"event": {"id": "42"}}', {})).commands == [
        Command(7, "42")
    ]


def test_a_progress_message_becomes_a_fact() -> None:
    fact = Progress(
        workflow="P", workflow_id="P-1", run_id="r", sequence=3, kind="completed", event_id="1", at=NOW, result=1
    )

    assert record("PROGRESS", encode(fact, source="x")).facts == [Fact(7, "P-1", "r", 3, "completed", "1")]


@pytest.mark.parametrize(
    ("stream", "headers", "body", "about"),
    [
        ("EVENTS", {"ce-specversion": "1.0", "ce-id": "e%201"}, b"{", "e 1"),
        ("EVENTS", {}, None, "EVENTS.5"),
        ("COMMANDS", {"Nats-Msg-Id": "start.x"}, b'{"event": {"id": "e1"}}', "e1"),
        ("COMMANDS", {}, None, None),
        ("SIGNALS", {}, b"{}", None),
    ],
)
def test_a_dead_letter_names_the_event_it_is_about(
    stream: str, headers: dict[str, str], body: bytes, about: str
) -> None:
    dead_letter = DeadLetter(
        service="ingest",
        reason="not_json",
        detail="",
        original_subject="x",
        stream=stream,
        stream_sequence=5,
        headers=headers,
        body=body,
        at=NOW,
    )

    assert record("DLQ", encode(dead_letter, source="x")).dead_letters == [
        DeadLetterRecord(7, "not_json", stream, 5, about)
    ]


@pytest.mark.parametrize("stream", ["COMMANDS", "PROGRESS", "DLQ"])
@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"[]", b"\xff"])
def test_an_invalid_message_is_only_a_stream_entry(stream: str, body: bytes) -> None:
    streams = record(stream, RawMessage("x", body, {}))

    assert len(streams.entries) == 1
    assert (streams.commands, streams.facts, streams.dead_letters) == ([], [], [])
