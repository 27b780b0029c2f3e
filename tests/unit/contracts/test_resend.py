from datetime import UTC, datetime

import pytest

from perdure.bus import RawMessage, read_event, write_event
from perdure.bus.resend import resent
from perdure.contracts import DeadLetter, Event

EVENT = Event(id="ä 1", type="a.b", source="s", subject="x", time=datetime(2026, 11, 23, tzinfo=UTC), data={"n": 1})
STRUCTURED = RawMessage(
    "events.a.b",
    b'{"specversion": "1.0", "id": "s1", "type": "a.b", "source": "s", "data": 1}',
    {"content-type": "application/cloudevents+json", "Nats-Msg-Id": "m"},
)


def dead_letter(raw: RawMessage) -> DeadLetter:
    return DeadLetter(
        service="ingest",
        reason="no_route",
        detail="none",
        original_subject=raw.subject,
        stream="EVENTS",
        stream_sequence=7,
        headers=dict(raw.headers),
        at=datetime(2026, 11, 23, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "raw",
    [
        write_event(EVENT),
        STRUCTURED,
        RawMessage("events.a.b", b"{}", {}),
        RawMessage("events.a.b", b"{}", {"Nats-Msg-Id": "näme with spaces", "traceparent": "t"}),
    ],
)
def test_a_resent_event_is_the_same_event_with_another_message_id(raw: RawMessage) -> None:
    again = resent(raw, place="EVENTS.7", number=3)

    before = read_event(raw, fallback_id="EVENTS.7")
    assert read_event(again, fallback_id="EVENTS.99") == before
    assert again.subject == raw.subject
    assert again.headers["Nats-Msg-Id"] == "replay.3"
    assert again.headers.get("traceparent") == raw.headers.get("traceparent")
