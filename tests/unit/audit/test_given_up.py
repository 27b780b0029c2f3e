"""What JetStream says is read, and becomes a letter that a person can act on."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.bus.settlement import MAX_DEAD_LETTER_BODY_BYTES
from perdure.errors import InvalidMessage
from perdure_audit.advisories import dead_letter_of, read_advisory

TERMINATED = {
    "type": "io.nats.jetstream.advisory.v1.terminated",
    "stream": "SIGNALS",
    "consumer": "bot",
    "stream_seq": 7,
    "deliveries": 3,
}
HEARD = StoredMessage(RawMessage("$JS.EVENT", b"", {}), "ADVISORIES", 1, datetime(2026, 11, 23, tzinfo=UTC), pending=0)


def advisory(**other: Any) -> bytes:
    return json.dumps({**TERMINATED, **other}).encode()


def test_a_letter_names_the_consumer_its_reason_and_what_to_do() -> None:
    original = RawMessage("signals.r.go", b"1", {"h": "v"})

    letter = dead_letter_of(read_advisory(advisory(reason="no such colour")), original, HEARD)

    assert (letter.message_id, letter.reason, letter.deliveries) == ("bot.SIGNALS.7", "terminated", 3)
    assert (letter.original_subject, letter.headers, letter.body) == ("signals.r.go", {"h": "v"}, b"1")
    assert letter.detail.startswith("The consumer bot of SIGNALS refused this message for good (no such colour):")
    assert "then replay" in letter.detail


def test_a_body_that_is_too_large_to_repeat_stays_in_its_stream() -> None:
    original = RawMessage("signals.r.go", b"1" * (MAX_DEAD_LETTER_BODY_BYTES + 1), {})

    letter = dead_letter_of(read_advisory(advisory()), original, HEARD)

    assert (letter.original_subject, letter.body) == ("signals.r.go", None)


@pytest.mark.parametrize("body", [b"", b"[]", advisory(type="another"), advisory(stream_seq=0)])
def test_what_is_no_advisory_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="no advisory of JetStream's"):
        read_advisory(body)
