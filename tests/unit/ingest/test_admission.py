from typing import Any

import pytest
from hypothesis import given

from perdure.contracts import Event, Reason, SignalWorkflow, StartWorkflow, to_token
from perdure.errors import InvalidMessage, SetupError
from perdure.routes import Route
from perdure_ingest.admission import admit, workflow_id
from perdure_ingest.rules import compile_rules
from tests.unit.contracts.messages import words

EVENT = Event(id="e1", type="documents.submitted", source="test", data={"path": "contract.md", "pages": 3})


def commands(event: Event = EVENT, **route: Any) -> list[StartWorkflow | SignalWorkflow]:
    rules = compile_rules([Route.model_validate({"on": event.type, **route})])
    return admit(event, rules=rules, stream_sequence=7)


def test_an_event_becomes_a_start_of_the_workflow_that_its_route_names() -> None:
    (command,) = commands(start="DocumentAnalysis")

    assert isinstance(command, StartWorkflow)
    assert command.workflow_id == "DocumentAnalysis-e1"
    assert command.input == EVENT.data
    assert command.event.id == "e1"
    assert command.event.stream_sequence == 7


def test_the_same_event_asks_for_the_same_run() -> None:
    first, second = (commands(start="DocumentAnalysis") for _ in range(2))

    assert first == second


def test_a_route_that_signals_finds_its_run_by_the_template() -> None:
    (command,) = commands(signal="cancel", workflow_id="order-{data.path}")

    assert isinstance(command, SignalWorkflow)
    assert (command.workflow_id, command.signal) == ("order-contract.md", "cancel")


def test_every_route_that_matches_gives_a_command_of_its_own() -> None:
    rules = compile_rules(
        [Route(on="documents.*", start="A"), Route(on=">", start="B"), Route(on="orders.>", start="C")]
    )

    ids = [command.workflow_id for command in admit(EVENT, rules=rules, stream_sequence=1)]

    assert ids == ["A-e1", "B-e1"]


@pytest.mark.parametrize(
    ("condition", "admitted"),
    [("data.path.endsWith('.md')", True), ("data.pages > 10", False), ("type == 'documents.submitted'", True)],
)
def test_a_condition_decides(condition: str, *, admitted: bool) -> None:
    if admitted:
        assert commands(start="A", when=condition)
    else:
        with pytest.raises(InvalidMessage, match="No route takes"):
            commands(start="A", when=condition)


@pytest.mark.parametrize(
    ("route", "reason", "said"),
    [
        ({"start": "A", "when": "data.nope == 1"}, "bad_condition", "data.nope == 1"),
        ({"start": "A", "when": "data.pages"}, "bad_condition", "not true or false"),
        ({"start": "A", "schema": {"required": ["title"]}}, "bad_data", "title"),
        ({"start": "A", "schema": {"properties": {"pages": {"type": "string"}}}}, "bad_data", r"\$\.pages"),
        ({"start": "A", "schema": "perdure.contracts:Event"}, "bad_data", "id: Field required"),
        ({"signal": "s", "workflow_id": "order-{data.order}"}, "bad_data", "data.order"),
        ({"on": "orders.>", "start": "A"}, "no_route", "orders.>"),
    ],
)
def test_an_event_that_no_route_can_take_is_refused_with_a_reason(
    route: dict[str, Any], reason: Reason, said: str
) -> None:
    with pytest.raises(InvalidMessage, match=said) as refused:
        commands(**route)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ([{"on": "a", "start": "A", "when": "data."}], "not CEL"),
        ([{"on": "a", "start": "A", "schema": {"type": "nonsense"}}], "not a JSON Schema"),
        ([{"on": "a", "start": "A", "schema": "perdure.contracts:Nothing"}], "cannot be loaded"),
        ([{"on": "a", "start": "A", "schema": "perdure.contracts:to_token"}], "not a pydantic model"),
        ([{"on": "a", "start": "A"}, {"on": "b", "start": "A"}], "called A"),
    ],
)
def test_a_wrong_route_is_told_at_start(routes: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        compile_rules([Route.model_validate(route) for route in routes])


@pytest.mark.parametrize(
    "route",
    [
        {"on": "a"},
        {"on": "a", "start": "A", "signal": "s"},
        {"on": "a", "signal": "s"},
        {"on": "a", "start": "A", "workflow_id": "x"},
    ],
)
def test_a_route_that_says_nothing_or_too_much_is_refused(route: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"route|run"):
        Route.model_validate(route)


@given(words, words)
def test_different_events_ask_for_different_runs(one: str, other: str) -> None:
    assert (workflow_id("r", one) == workflow_id("r", other)) == (one == other)


def test_an_id_of_ten_kilobytes_still_fits() -> None:
    long = workflow_id("r", "x" * 10_000)

    assert len(to_token(long)) <= 200
    assert long != workflow_id("r", "x" * 9_999)
