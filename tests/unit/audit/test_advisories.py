"""Advisories of JetStream's become dead letters that a person can act on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.bus.dead_letter import MAX_BODY_BYTES
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of
from perdure_audit.advisories import read_advisory, to_dead_letter

TERMINATED = {
    "type": "io.nats.jetstream.advisory.v1.terminated",
    "stream": "SIGNALS",
    "consumer": "bot",
    "stream_seq": 7,
    "deliveries": 3,
}
STORED = datetime(2026, 11, 22, tzinfo=UTC)
MESSAGE = StoredMessage(
    RawMessage("$JS.EVENT", b"", {}), "ADVISORIES", 1, datetime(2026, 11, 23, tzinfo=UTC), pending=0
)


def stored(raw: RawMessage) -> StoredMessage:
    return StoredMessage(raw, "SIGNALS", 7, STORED, pending=0)


def advisory(**other: Any) -> bytes:
    return json.dumps({**TERMINATED, **other}).encode()


def test_a_dead_letter_names_the_consumer_its_reason_and_what_to_do() -> None:
    original = stored(RawMessage("signals.r.go", b"1", {"h": "v"}))

    dead_letter = to_dead_letter(read_advisory(advisory(reason="no such colour")), original, MESSAGE)

    assert dead_letter.message_id == f"bot.{place_of('SIGNALS', 7, STORED)}"
    assert (dead_letter.reason, dead_letter.deliveries) == ("terminated", 3)
    assert (dead_letter.original_subject, dead_letter.headers, dead_letter.body) == ("signals.r.go", {"h": "v"}, b"1")
    assert dead_letter.detail.startswith("The consumer bot of SIGNALS terminated this message (no such colour):")
    assert "then resend" in dead_letter.detail


def test_a_dead_letter_leaves_out_a_body_that_is_too_large() -> None:
    original = stored(RawMessage("signals.r.go", b"1" * (MAX_BODY_BYTES + 1), {}))

    dead_letter = to_dead_letter(read_advisory(advisory()), original, MESSAGE)

    assert (dead_letter.original_subject, dead_letter.body) == ("signals.r.go", None)


@pytest.mark.parametrize("body", [b"", b"[]", advisory(type="another"), advisory(stream_seq=0)])
def test_any_other_message_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="no advisory of JetStream's"):
        read_advisory(body)
