from datetime import UTC, datetime

import pytest
from hypothesis import given

from perdure.config.routes import Route
from perdure.contracts import Event, from_token, to_token
from perdure_ingest.identity import workflow_id
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival, EventVariables
from tests.support.messages import words


@pytest.mark.parametrize("event_id", ["x" * 10_000, "a.b", "a b", "a/b", "🚀" * 500, "a*>", "é\u0000"])
def test_any_id_makes_a_workflow_id_that_nats_and_temporal_take(event_id: str) -> None:
    rule = Rule(Route(on="a", start="A"))
    event = Event(id=event_id, type="a", source="test", data=None)

    run = rule.evaluate(EventVariables(event, Arrival(1, datetime(2026, 11, 23, tzinfo=UTC), {}))).workflow_id

    assert len(run.encode()) <= 1_000
    assert len(to_token(run)) <= 3_000
    assert from_token(to_token(run)) == run


@given(words, words)
def test_different_events_start_different_runs(one: str, other: str) -> None:
    assert (workflow_id("r", one) == workflow_id("r", other)) == (one == other)


def test_an_id_of_ten_kilobytes_still_fits() -> None:
    long = workflow_id("r", "x" * 10_000)

    assert len(to_token(long)) <= 200
    assert long != workflow_id("r", "x" * 9_999)
