"""What the verifier makes of messages, by its own means; ours say them, so that both are held against each other."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import cast

import pytest
from nats.js import JetStreamContext

from perdure.bus import encode, read_event, write_event
from perdure.bus.envelope import RawMessage
from perdure.contracts import DeadLetter, Event, Progress
from perdure.verify.identity import event_id
from perdure.verify.records import Command, DeadLetterRecord, Fact, Published, StreamEntry
from perdure.verify.streams import AUDITED, Message, Streams

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(stream: str, wire: RawMessage, sequence: int = 7) -> Streams:
    streams = Streams(cast("JetStreamContext", None))
    streams.take(Message(stream, sequence, wire.subject, wire.headers, wire.body))
    return streams


@pytest.mark.parametrize(
    "wire",
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
def test_an_event_has_the_id_that_ingest_gives_it(wire: RawMessage) -> None:
    ours = read_event(wire, fallback_id="EVENTS.7").id

    assert read("EVENTS", wire).published == [
        Published(7, "events.a.b", ours, sha256(wire.body).hexdigest()),
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_an_envelope_that_cannot_be_read_leaves_the_place_as_id(body: bytes) -> None:
    assert event_id({"Content-Type": "application/cloudevents+json"}, body, place="EVENTS.7") == "EVENTS.7"


def test_every_message_is_remembered_as_said() -> None:
    for stream in AUDITED:
        assert read(stream, RawMessage("a.subject", b"what", {})).said == [
            StreamEntry(stream, 7, "a.subject", sha256(b"what").hexdigest())
        ]


def test_a_command_names_its_event() -> None:
    assert read("COMMANDS", RawMessage("commands.start.P", b'{"event": {"id": "42"}}', {})).commands == [
        Command(7, "42")
    ]


def test_a_fact_is_read() -> None:
    fact = Progress(
        workflow="P", workflow_id="P-1", run_id="r", sequence=3, kind="completed", event_id="1", at=NOW, result=1
    )

    assert read("PROGRESS", encode(fact, source="x")).facts == [Fact(7, "P-1", "r", 3, "completed", "1")]


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
def test_a_letter_repeats_whom_it_is_about(stream: str, headers: dict[str, str], body: bytes, about: str) -> None:
    letter = DeadLetter(
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

    assert read("DLQ", encode(letter, source="x")).letters == [DeadLetterRecord(7, "not_json", stream, 5, about)]


@pytest.mark.parametrize("stream", ["COMMANDS", "PROGRESS", "DLQ"])
@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"[]", b"\xff"])
def test_what_anybody_wrote_to_a_stream_is_only_a_message(stream: str, body: bytes) -> None:
    streams = read(stream, RawMessage("x", body, {}))

    assert len(streams.said) == 1
    assert (streams.commands, streams.facts, streams.letters) == ([], [], [])
