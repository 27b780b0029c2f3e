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


def letter(wire: RawMessage) -> DeadLetter:
    return DeadLetter(
        service="ingest",
        reason="no_route",
        detail="none",
        original_subject=wire.subject,
        stream="EVENTS",
        stream_sequence=7,
        headers=dict(wire.headers),
        at=datetime(2026, 11, 23, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "wire",
    [
        write_event(EVENT),
        STRUCTURED,
        RawMessage("events.a.b", b"{}", {}),
        RawMessage("events.a.b", b"{}", {"Nats-Msg-Id": "näme with spaces", "traceparent": "t"}),
    ],
)
def test_a_replay_is_the_same_event_under_another_message_id(wire: RawMessage) -> None:
    again = resent(letter(wire), wire.body, place=3)

    before = read_event(wire, fallback_id="EVENTS.7")
    assert read_event(again, fallback_id="EVENTS.99") == before
    assert again.subject == wire.subject
    assert again.headers["Nats-Msg-Id"] == "replay.3"
    assert again.headers.get("traceparent") == wire.headers.get("traceparent")
