"""Two events have one run of a route only if they are the same event: by id and source, not by how ids are joined."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from pydantic import ValidationError

from perdure.config.routes import Route
from perdure.contracts import Event, from_token, to_token
from perdure.errors import InvalidMessage
from perdure.values.run_id import default_run_id, place_of, source_mark
from perdure_ingest.identity import event_digest, former_id
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival, EventVariables
from tests.support.messages import words

STORED = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ARRIVAL = Arrival(7, STORED, {})


def run_of(event: Event, **route: object) -> str:
    evaluation = Rule(Route.model_validate({"on": ">", "start": "A", **route})).evaluate(EventVariables(event, ARRIVAL))
    if evaluation.refusal is not None:
        raise InvalidMessage(evaluation.refusal.reason, evaluation.refusal.detail)
    return evaluation.workflow_id


@pytest.mark.parametrize("source", ["nats", "/shop/a"])
@pytest.mark.parametrize("event_id", ["x" * 10_000, "a.b", "a b", "a/b", "🚀" * 500, "a*>", "é\u0000", "~", "a~b"])
def test_any_id_makes_a_workflow_id_that_nats_and_temporal_take(event_id: str, source: str) -> None:
    run = run_of(Event(id=event_id, type="a", source=source))

    assert len(run.encode()) <= 1_000
    assert len(to_token(run)) <= 3_000
    assert from_token(to_token(run)) == run


@given(words, words, words, words)
def test_different_events_start_different_runs(one: str, other: str, here: str, there: str) -> None:
    same = (one, here) == (other, there)

    assert (default_run_id("r", one, here) == default_run_id("r", other, there)) == same


def test_what_a_run_id_joins_can_be_taken_apart() -> None:
    assert default_run_id("Order", "7", "/a") == f"Order~7~{source_mark('/a')}"
    assert default_run_id("Order", "audit-7", "/a") != default_run_id("Order-audit", "7", "/a")


def test_a_bare_event_cannot_take_the_run_of_another_source() -> None:
    victim = default_run_id("Order", "7", "/shop/a")

    assert default_run_id("Order", "7", "nats") == "Order~7"
    assert default_run_id("Order", victim.removeprefix("Order~"), "nats") != victim


def test_an_id_of_ten_kilobytes_still_fits() -> None:
    long = default_run_id("r", "x" * 10_000, "nats")

    assert len(to_token(long)) <= 210
    assert long != default_run_id("r", "x" * 9_999, "nats")


def test_a_place_in_a_stream_that_is_made_anew_is_another() -> None:
    place = place_of("EVENTS", 7, STORED)

    assert place == "EVENTS.7.1795435200123456000"
    assert place != place_of("EVENTS", 7, STORED + timedelta(microseconds=1))


def test_an_event_without_an_id_had_another_in_0_1_and_only_since_it_was_stored() -> None:
    by_place = Event(id=place_of("EVENTS", 7, STORED), type="a", source="nats")

    assert former_id(by_place, ARRIVAL) == ("EVENTS.7", STORED)
    assert former_id(by_place.model_copy(update={"id": "mine"}), ARRIVAL) == ("mine", None)
    assert former_id(by_place.model_copy(update={"source": "/a"}), ARRIVAL) == (by_place.id, None)


def test_the_source_is_part_of_what_is_compared() -> None:
    event = Event(id="7", type="a", source="/a", data={"n": 1})

    assert event_digest(event) == event_digest(event.model_copy())
    assert event_digest(event) != event_digest(event.model_copy(update={"source": "/b"}))


@pytest.mark.parametrize("route", [{"start": "A~B"}, {"name": "a~b"}, {"name": "~"}])
def test_a_route_whose_name_would_end_elsewhere_in_a_run_id_is_refused(route: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="has a ~, which ends the name in run ids: give the route another `name`"):
        Route.model_validate({"on": "a", "start": "A", **route})


def test_a_template_of_a_route_that_starts_cannot_give_the_default_id_of_another() -> None:
    event = Event(id="1", type="a", source="/a", data={"order": "7~0badcafe", "route": "Order~7~0badcafe"})

    with pytest.raises(InvalidMessage, match="a ~ is for the ids that routes give by default") as refused:
        run_of(event, workflow_id="Order-{data.order}")
    assert refused.value.reason == "bad_data"
    with pytest.raises(InvalidMessage, match="a ~ is for"):
        run_of(event, start=None, signal_with_start={"start": "A", "signal": "s"}, workflow_id="{data.route}")
    with pytest.raises(ValidationError, match="`workflow_id` has a ~"):
        Route.model_validate({"on": "a", "start": "A", "workflow_id": "Order~{data.order}"})


def test_a_route_that_only_signals_may_name_any_run() -> None:
    event = Event(id="1", type="a", source="/a", data={"run": "Order~7~0badcafe"})

    assert run_of(event, start=None, signal="cancel", workflow_id="{data.run}") == "Order~7~0badcafe"
