import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from perdure.bus import RawMessage, decode, encode
from perdure.bus.topology import stream_of
from perdure.contracts import Message, Progress, Receipt
from perdure.contracts.version import VERSION
from perdure.errors import InvalidMessage
from tests.support.messages import messages

NOW = datetime(2026, 11, 23, tzinfo=UTC)
RUN: dict[str, Any] = {"workflow": "W", "workflow_id": "w", "run_id": "r"}


@given(messages)
def test_every_message_is_decoded_as_it_was_encoded_byte_for_byte(message: Message) -> None:
    raw = encode(message, source="perdure/test")

    decoded = decode(raw)

    assert decoded == message
    assert encode(decoded, source="perdure/test") == raw


@given(messages)
def test_every_message_has_a_stream_and_headers_that_nats_can_carry(message: Message) -> None:
    raw = encode(message, source="perdure/test")

    assert stream_of(raw.subject)
    assert all(value.isascii() and value.isprintable() for value in raw.headers.values())


def test_a_message_is_a_cloud_event_in_binary_mode() -> None:
    fact = Progress(workflow="W", workflow_id="w.1", run_id="r", sequence=7, kind="note", at=NOW)

    raw = encode(fact, source="perdure/orchestrator")

    assert raw.subject == "progress.W.w=2E1"
    assert raw.headers["Nats-Msg-Id"] == raw.headers["ce-id"] == "r.7.1.note"
    assert raw.headers["ce-type"] == "progress"
    assert raw.headers["ce-source"] == "perdure/orchestrator"
    assert raw.headers["ce-subject"] == "w.1"
    assert raw.headers["ce-time"] == "2026-11-23T00:00:00+00:00"
    assert raw.headers["ce-datacontenttype"] == raw.headers["content-type"] == "application/json"
    assert raw.headers["ce-dataschema"] == f"urn:perdure:contract:v{VERSION}:progress"


def test_a_message_without_an_instant_of_its_own_has_no_time_that_a_resend_would_change() -> None:
    receipt = Receipt(request_id="w.1", decision_id="d", accepted=True, code="accepted", reason="it counts")

    assert "ce-time" not in encode(receipt, source="perdure/orchestrator").headers


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("receipts.w=2E1", {"request_id": "w.1", "decision_id": "d", "accepted": False, "code": "NEW", "reason": "?"}),
        ("progress.W.w", {**RUN, "sequence": 1, "kind": "NEW", "at": "2026-11-23T00:00:00Z"}),
        ("alerts.W.w", {**RUN, "number": 1, "title": "!", "severity": "NEW", "raised_at": "2026-11-23T00:00:00Z"}),
    ],
)
def test_a_word_that_a_newer_service_writes_is_read_and_written_again(subject: str, body: dict[str, Any]) -> None:
    sent = json.dumps({"type": subject.partition(".")[0], **body}).encode()

    message = decode(RawMessage(subject, sent, {}))

    assert json.loads(encode(message, source="test").body).items() >= body.items()


def test_only_known_words_are_written() -> None:
    with pytest.raises(ValidationError, match="kind"):
        Progress.model_validate({**RUN, "sequence": 1, "kind": "NEW", "at": NOW})


def test_the_headers_carry_the_flow_key_of_a_run() -> None:
    fact = Progress(workflow="W", workflow_id="w", run_id="r", sequence=1, kind="note", at=NOW, key="Bäcker & Co")

    headers = encode(fact, source="s").headers
    without = encode(fact.model_copy(update={"key": None}), source="s").headers

    assert headers["ce-partitionkey"] == "B%C3%A4cker%20&%20Co"
    assert "ce-partitionkey" not in without


def test_an_invalid_message_is_refused_with_the_field() -> None:
    with pytest.raises(InvalidMessage, match="request_id: Field required"):
        decode(RawMessage("decisions.w", b'{"type": "decisions"}', {}))


@given(messages, messages)
def test_a_body_counts_only_on_its_own_subject(message: Message, other: Message) -> None:
    raw = RawMessage(other.subject, encode(message, source="perdure/test").body, {})

    if message.subject == other.subject:
        assert decode(raw) == message
    else:
        with pytest.raises(InvalidMessage, match="The body belongs on") as refused:
            decode(raw)
        assert refused.value.reason == "bad_envelope"


def test_fields_of_a_newer_version_are_ignored() -> None:
    fact = Progress(workflow="W", workflow_id="w", run_id="r", sequence=1, kind="note", at=NOW)
    newer = encode(fact, source="s").body.replace(b"{", b'{"mood": "good", ', 1)

    assert decode(RawMessage("progress.W.w", newer, {})) == fact
