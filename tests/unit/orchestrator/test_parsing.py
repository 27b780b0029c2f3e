"""Decisions and signals from the bus are parsed, or refused with a reason; whatever comes, nothing else is raised."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.bus import StoredMessage
from perdure.bus.envelope import RawMessage, encode
from perdure.bus.limits import check_publishable
from perdure.contracts import Reason, to_token
from perdure.errors import InvalidMessage
from perdure_orchestrator.parsing import read_decision, read_signal, unreadable

FIELDS = {"request_id": "w.1", "decision": "approve", "approver": "ada", "digest": "a" * 64, "nonce": "n"}


def stored(subject: str, body: bytes) -> StoredMessage:
    raw = RawMessage(subject, body, {})
    return StoredMessage(raw, stream="DECISIONS", sequence=7, stored_at=datetime.now(UTC), pending=0)


def decision(subject: str = "decisions.w", **fields: Any) -> StoredMessage:
    return stored(subject, json.dumps(FIELDS | fields).encode())


def test_a_comment_has_a_length_limit() -> None:
    assert read_decision(decision(comment="c" * 16_384))[0].comment

    with pytest.raises(InvalidMessage, match="comment: String should have at most 16384 characters") as caught:
        read_decision(decision(comment="c" * 16_385))

    receipt = unreadable(decision(), caught.value)
    assert receipt is not None
    assert (receipt.code, receipt.request_id, receipt.accepted) == ("unreadable", "w.1", False)


@pytest.mark.parametrize("workflow_id", ["w", None])
def test_the_run_of_the_body_is_that_of_the_subject_or_is_left_out(workflow_id: str | None) -> None:
    assert read_decision(decision(workflow_id=workflow_id))[0].workflow_id == "w"


@pytest.mark.parametrize(
    ("message", "reason", "detail"),
    [
        (decision(workflow_id="other"), "bad_envelope", "workflow_id: it is of the run 'other'"),
        (decision(request_id="other.1"), "bad_envelope", "request_id: it is of the run 'other'"),
        (decision(request_id="w"), "bad_envelope", "request_id: it is of the run ''"),
        (decision("decisions.=C0=A0"), "bad_envelope", "no UTF-8"),
        (decision("decisions.="), "bad_envelope", "or empty"),
        (decision("decisions.a.b"), "bad_message", "Its subject is decisions.<workflow id>"),
        (decision(request_id="." * 3_000), "bad_message", "request_id: .*more than 3000 bytes as a token"),
        (decision(approver="a" * 257), "bad_message", "approver: .*more than 256"),
        (decision(nonce="n" * 1_000_000), "bad_message", "nonce: .*more than 256"),
        (decision(key_id="n" * 257), "bad_message", "key_id"),
        (decision(signature="n" * 257), "bad_message", "signature"),
        (decision(first_run_id="n" * 257), "bad_message", "first_run_id"),
        (decision(request_id="w.\ud800"), "not_json", "surrogate"),
        (stored("decisions.w", b"[" * 100_000), "not_json", "deep"),
        (stored("decisions.w", b'{"nonce": NaN}'), "not_json", "NaN"),
        (stored("decisions.w", b"\xff"), "not_utf8", "byte 0"),
        (stored("decisions.w", b"[]"), "bad_message", "JSON object"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused_with_a_reason(
    message: StoredMessage, reason: Reason, detail: str
) -> None:
    with pytest.raises(InvalidMessage, match=detail) as caught:
        read_decision(message)

    assert caught.value.reason == reason
    if (receipt := unreadable(message, caught.value)) is not None:
        check_publishable(encode(receipt, source="test"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"request_id": "w.1", "nonce": NaN}',
        b'{"request_id": "w.1", "nonce": -Infinity, "more": 1e999}',
        rb'{"request_id": "w.1", "nonce": "\ud800"}',
        rb'{"request_id": "w.1", "\udfff": 1}',
    ],
)
def test_a_decision_with_what_json_does_not_have_gets_a_receipt_if_its_request_can_be_read(body: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_decision(stored("decisions.w", body))

    receipt = unreadable(stored("decisions.w", body), caught.value)
    assert receipt is not None
    assert (receipt.code, receipt.request_id, receipt.decision_id) == ("unreadable", "w.1", "DECISIONS.7")
    check_publishable(encode(receipt, source="test"))


@pytest.mark.parametrize(
    "body",
    [
        rb'{"request_id": "w.\ud800", "nonce": NaN}',
        b'{"request_id": NaN}',
        b'{"request_id": "w.1", "nonce": NaN',
        b'{"request_id": "' + b"." * 3_000 + b'", "nonce": NaN}',
        b'{"request_id": "w.1", "x": ' + b"[" * 100_000,
        b'"w.1"',
        b'{"request_id": "w.1", "nonce": "\xff"}',
    ],
    ids=range(7),
)
def test_without_a_request_to_name_there_is_no_receipt(body: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_decision(stored("decisions.w", body))

    assert unreadable(stored("decisions.w", body), caught.value) is None


def test_a_signal_is_read_from_its_subject_and_body() -> None:
    signal = read_signal(stored("signals.a=2Eb.go", b"[1]"))

    assert (signal.workflow_id, signal.name, signal.argument) == ("a.b", "go", [1])
    assert read_signal(stored("signals.a.go", b"")).argument is None


@pytest.mark.parametrize("token", ["perdure_decision", "perdure", "=70erdure_x", "perdure=5Fdecision"])
def test_a_signal_with_a_reserved_name_is_refused_however_it_is_escaped(token: str) -> None:
    with pytest.raises(InvalidMessage, match="has a reserved name") as caught:
        read_signal(stored(f"signals.w.{token}", b"{}"))

    assert caught.value.reason == "reserved_name"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
bodies = (
    st.binary(max_size=60)
    | anything.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({}, optional=dict.fromkeys([*FIELDS, "workflow_id", "key_id", "type"], anything)).map(
        lambda fields: json.dumps(FIELDS | fields).encode()
    )
    | st.integers(0, 5_000).map(lambda size: json.dumps(FIELDS | {"request_id": "w." + "." * size}).encode())
)
subjects = st.sampled_from(["decisions", "signals"]).flatmap(
    lambda kind: (
        st.text(max_size=20).map(lambda text: f"{kind}.{text}")
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(lambda text: f"{kind}.{to_token(text)}")
        | st.sampled_from([f"{kind}.w", f"{kind}.w.go", f"{kind}.=FF", f"{kind}..", kind])
    )
)


@given(subjects, bodies)
def test_whatever_is_published_is_read_or_refused_and_its_receipt_can_be_published(subject: str, body: bytes) -> None:
    message = stored(subject, body)

    for read in (read_decision, read_signal):
        with suppress(InvalidMessage):
            read(message)
    receipt = unreadable(message, InvalidMessage("bad_message", "because"))
    if receipt is not None:
        check_publishable(encode(receipt, source="test"))
