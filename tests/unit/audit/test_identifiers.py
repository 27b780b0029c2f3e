"""Which runs and events a message is about: what an erasure goes on to, and nobody else's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.asyncapi.examples import EXAMPLES
from perdure.bus import RawMessage, encode
from perdure.contracts import (
    DeadLetter,
    EventReference,
    EventVerdict,
    Message,
    OtherEvent,
    Progress,
    RouteVerdict,
    StartWorkflow,
)
from perdure.contracts.audit import AuditRecord
from perdure_audit.identifiers import Identifiers, identifiers

NOW = datetime(2026, 11, 30, tzinfo=UTC)
EVENT = EventReference(id="42", type="order.placed", source="shop", stream_sequence=7)
START = StartWorkflow(route="Order", event=EVENT, workflow="Order", workflow_id="Order~42", digest="0" * 64)


def recorded(raw: RawMessage, stream: str, sequence: int = 9) -> Identifiers:
    record = AuditRecord(
        position=1,
        stream=stream,
        sequence=sequence,
        subject=raw.subject,
        stored_at=NOW,
        headers=raw.headers,
        body=raw.body,
    )
    return identifiers(record)


def about(message: Message, stream: str) -> Identifiers:
    return recorded(encode(message, source="test"), stream)


def verdict(**route: Any) -> EventVerdict:
    routes = (RouteVerdict.model_validate({"route": "Order", **route}),)
    return EventVerdict.model_validate(
        {**EXAMPLES["verdicts"], "event_id": "42", "stream_sequence": 7, "routes": routes}
    )


def test_a_start_is_about_its_run_and_its_event() -> None:
    assert about(START, "COMMANDS") == Identifiers({"Order~42"}, {"EVENTS:7"}, {"42"})


def test_an_event_is_itself_by_its_place_since_others_may_have_its_id() -> None:
    raw = RawMessage("events.order", b"{}", {"Nats-Msg-Id": "42"})

    assert recorded(raw, "EVENTS", 7) == Identifiers(set(), {"EVENTS:7"}, {"42"})


def test_a_fact_is_about_its_run_and_links_to_no_event_by_an_id_that_others_may_have() -> None:
    fact = Progress(
        workflow="Order", workflow_id="Order~42", run_id="r", sequence=1, kind="started", event_id="42", at=NOW
    )

    assert about(fact, "PROGRESS") == Identifiers({"Order~42"}, set(), set())


@pytest.mark.parametrize(
    ("kind", "runs"), [("started", {"Order~42"}), ("held", {"Order~42"}), ("skipped", set()), ("refused", set())]
)
def test_a_verdict_names_a_run_only_if_that_has_the_events_data(kind: str, runs: set[str]) -> None:
    """An event is skipped because of a run that is open: somebody else's."""
    assert about(verdict(verdict=kind, workflow_id="Order~42"), "VERDICTS") == Identifiers(runs, {"EVENTS:7"}, {"42"})


def test_a_duplicate_is_about_the_first_event_too() -> None:
    found = about(verdict(verdict="duplicate_of", other=OtherEvent(stream_sequence=3)), "VERDICTS")

    assert found.names == {"EVENTS:3", "EVENTS:7"}


def test_a_dead_letter_is_about_what_its_original_is_about() -> None:
    raw = encode(START, source="test")
    dead_letter = DeadLetter(
        service="orchestrator",
        reason="bad_data",
        detail="No.",
        original_subject=raw.subject,
        headers=raw.headers,
        body=raw.body,
        stream="COMMANDS",
        stream_sequence=5,
        at=NOW,
    )

    assert about(dead_letter, "DLQ") == Identifiers({"Order~42"}, {"EVENTS:7"}, {"42"})


@pytest.mark.parametrize(
    ("stream", "subject"),
    [
        ("PROGRESS", "progress.Order.Order~42"),
        ("APPROVALS", "approvals.requested.Order.Order~42"),
        ("DECISIONS", "decisions.Order~42"),
        ("SIGNALS", "signals.Order~42.go"),
        ("ALERTS", "alerts.Order.Order~42"),
    ],
)
def test_a_message_without_readable_content_is_about_the_run_in_its_subject(stream: str, subject: str) -> None:
    assert recorded(RawMessage(subject, b"", {}), stream) == Identifiers({"Order~42"}, set(), set())
