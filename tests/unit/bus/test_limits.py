"""What NATS would not take, or would end the connection for, is refused before it is sent."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.bus import RawMessage
from perdure.bus.limits import check_publishable
from perdure.contracts import Reason
from perdure.errors import InvalidMessage


@pytest.mark.parametrize(
    ("subject", "headers", "reason"),
    [
        ("receipts." + "=2E" * 3_000, {}, "too_large"),
        ("", {}, "bad_envelope"),
        ("events..a", {}, "bad_envelope"),
        (".events", {}, "bad_envelope"),
        ("events.", {}, "bad_envelope"),
        ("events.a b", {}, "bad_envelope"),
        ("events.a\r\nPUB x 0", {}, "bad_envelope"),
        ("events.*", {}, "bad_envelope"),
        ("events.>", {}, "bad_envelope"),
        ("events.\ud800", {}, "bad_envelope"),
        ("events.a", {"Nats-Msg-Id": "n" * 40_000}, "too_large"),
        ("events.a", {"ce-id": "\ud800"}, "bad_envelope"),
        ("events.a", {"a b": "c"}, "bad_envelope"),
        ("events.a", {"": "c"}, "bad_envelope"),
        ("events.a", {"ä": "c"}, "bad_envelope"),
    ],
)
def test_what_nats_does_not_take_is_refused(subject: str, headers: dict[str, str], reason: Reason) -> None:
    with pytest.raises(InvalidMessage) as refused:
        check_publishable(RawMessage(subject, b"", headers))

    assert refused.value.reason == reason


@pytest.mark.parametrize("subject", ["events.a", "events.ä.b", "events.a*b", "decisions." + "x" * 3_000])
def test_what_nats_takes_is_not_refused(subject: str) -> None:
    check_publishable(RawMessage(subject, b"{}", {"Nats-Msg-Id": "a", "traceparent": "00"}))


def test_headers_count_for_the_size_of_a_message() -> None:
    raw = RawMessage("events.a", b"x" * 90, {"h": "y" * 10})

    check_publishable(raw, max_bytes=150)
    with pytest.raises(InvalidMessage, match="with its headers"):
        check_publishable(raw, max_bytes=100)


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=2))
def test_whatever_is_checked_passes_or_is_refused(subject: str, headers: dict[str, str]) -> None:
    with suppress(InvalidMessage):
        check_publishable(RawMessage(subject, b"", headers))
