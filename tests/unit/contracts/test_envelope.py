from datetime import UTC, datetime

import pytest
from hypothesis import given

from perdure.bus import RawMessage, decode, encode
from perdure.bus.topology import stream_of
from perdure.contracts import Message, Progress
from perdure.errors import InvalidMessage
from tests.support.messages import messages

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@given(messages)
def test_every_message_is_decoded_as_it_was_encoded_byte_for_byte(message: Message) -> None:
    raw = encode(message, source="perdure/test", at=NOW)

    decoded = decode(raw)

    assert decoded == message
    assert encode(decoded, source="perdure/test", at=NOW) == raw


@given(messages)
def test_every_message_has_a_stream_and_headers_that_nats_can_carry(message: Message) -> None:
    raw = encode(message, source="perdure/test", at=NOW)

    assert stream_of(raw.subject)
    assert all(value.isascii() and value.isprintable() for value in raw.headers.values())


def test_a_message_is_a_cloud_event_in_binary_mode() -> None:
    fact = Progress(workflow="W", workflow_id="w.1", run_id="r", sequence=7, kind="note", at=NOW)

    raw = encode(fact, source="perdure/orchestrator", at=NOW)

    assert raw.subject == "progress.W.w=2E1"
    assert raw.headers["Nats-Msg-Id"] == raw.headers["ce-id"] == "r.7.1.note"
    assert raw.headers["ce-type"] == "progress"
    assert raw.headers["ce-source"] == "perdure/orchestrator"
    assert raw.headers["ce-subject"] == "w.1"
    assert raw.headers["ce-time"] == "2026-11-23T00:00:00+00:00"


def test_the_headers_carry_the_flow_key_of_a_run() -> None:
    fact = Progress(workflow="W", workflow_id="w", run_id="r", sequence=1, kind="note", at=NOW, key="Bäcker & Co")

    headers = encode(fact, source="s").headers
    without = encode(fact.model_copy(update={"key": None}), source="s").headers

    assert headers["ce-partitionkey"] == "B%C3%A4cker%20&%20Co"
    assert "ce-partitionkey" not in without


def test_an_invalid_message_is_refused_with_the_field() -> None:
    with pytest.raises(InvalidMessage, match="request_id: Field required"):
        decode(RawMessage("decisions.w", b'{"type": "decisions"}', {}))


def test_fields_of_a_newer_version_are_ignored() -> None:
    fact = Progress(workflow="W", workflow_id="w", run_id="r", sequence=1, kind="note", at=NOW)
    newer = encode(fact, source="s").body.replace(b"{", b'{"mood": "good", ', 1)

    assert decode(RawMessage("progress.W.w", newer, {})) == fact
