import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from perdure.bus import RawMessage, read_event
from perdure.config.routes import Route
from perdure.contracts import Event, Reason, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.values.flow_key import fit_key
from perdure.values.run_id import default_run_id
from perdure_ingest.rules import compile_rules
from perdure_ingest.variables import Arrival
from tests.support.admitting import admit
from tests.support.messages import json_values, texts

HEADERS = ["content-type", "ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "Nats-Msg-Id"]

EVENT = Event(id="e1", type="documents.submitted", source="test", data={"path": "contract.md", "pages": 3})
STORED = datetime(2026, 11, 23, 12, tzinfo=UTC)
ARRIVAL = Arrival(7, STORED, {"X-Tenant": "acme"})


def commands(event: Event = EVENT, **route: Any) -> list[StartWorkflow | SignalWorkflow]:
    rules = compile_rules([Route.model_validate({"on": event.type, **route})])
    return [admitted.command for admitted in admit(event, ARRIVAL, rules=rules)]


def test_an_event_becomes_a_start_of_the_workflow_that_its_route_names() -> None:
    (command,) = commands(start="DocumentAnalysis")

    assert isinstance(command, StartWorkflow)
    assert command.workflow_id == default_run_id("DocumentAnalysis", "e1", EVENT.source)
    assert command.input == EVENT.data
    assert command.event.id == "e1"
    assert command.event.stream_sequence == 7


def test_the_same_event_becomes_the_same_command() -> None:
    first, second = (commands(start="DocumentAnalysis") for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("expression", "key"),
    [("data.path", "contract.md"), ("data.pages", "3"), ("''", None), (None, None)],
)
def test_a_start_carries_the_flow_key_of_its_route(expression: str | None, key: str | None) -> None:
    (command,) = commands(start="DocumentAnalysis", flow={"key": expression, "max_open": 1})

    assert isinstance(command, StartWorkflow)
    assert command.key == key


@pytest.mark.parametrize(
    "action", [{"start": "Order"}, {"signal": "add", "workflow_id": "a"}, {"start": "Order", "workflow_id": "{id}"}]
)
def test_a_command_carries_the_order_of_its_route(action: dict[str, Any]) -> None:
    (ordered,), (long,), (free,) = (
        commands(**action, order="data.path"),
        commands(EVENT.model_copy(update={"data": {"path": "ä" * 999}}), **action, order="data.path"),
        commands(**action),
    )

    assert (ordered.order, long.order, free.order) == ("contract.md", fit_key("ä" * 999), None)


def test_a_long_flow_key_is_carried_as_its_digest() -> None:
    event = EVENT.model_copy(update={"data": {"path": "ä" * 100_000}})

    (command,) = commands(event, start="DocumentAnalysis", flow={"key": "data.path"})

    assert isinstance(command, StartWorkflow)
    assert command.key == fit_key("ä" * 100_000)
    assert len(command.key) == 64


def test_a_route_that_signals_finds_its_run_by_the_template() -> None:
    (command,) = commands(signal="cancel", workflow_id="order-{data.path}")

    assert isinstance(command, SignalWorkflow)
    assert (command.workflow_id, command.signal) == ("order-contract.md", "cancel")


def test_every_route_that_matches_gives_a_command_of_its_own() -> None:
    rules = compile_rules(
        [Route(on="documents.*", start="A"), Route(on=">", start="B"), Route(on="orders.>", start="C")]
    )

    ids = [admitted.command.workflow_id for admitted in admit(EVENT, ARRIVAL, rules=rules)]

    assert ids == [default_run_id(route, "e1", EVENT.source) for route in ("A", "B")]


@pytest.mark.parametrize(
    ("condition", "admitted"),
    [
        ("data.path.endsWith('.md')", True),
        ("data.pages > 10", False),
        ("type == 'documents.submitted'", True),
        ("headers['x-tenant'] == 'acme'", True),
        ("time < timestamp('2026-11-23T13:00:00Z')", True),
        ("[1, 3].exists(page, page == data.pages)", True),
    ],
)
def test_a_condition_decides(condition: str, *, admitted: bool) -> None:
    assert len(commands(start="A", when=condition)) == admitted


@pytest.mark.parametrize(
    ("route", "reason", "detail"),
    [
        ({"start": "A", "when": "data.nope == 1"}, "bad_expression", "data.nope == 1"),
        ({"start": "A", "when": "data.pages"}, "bad_expression", "not true or false"),
        ({"start": "A", "schema": {"required": ["title"]}}, "bad_data", "title"),
        ({"start": "A", "schema": {"properties": {"pages": {"type": "string"}}}}, "bad_data", r"\$\.pages"),
        ({"start": "A", "schema": "perdure.contracts:Event"}, "bad_data", "id: Field required"),
        ({"signal": "s", "workflow_id": "order-{data.order}"}, "bad_data", "data.order"),
        ({"on": "orders.>", "start": "A"}, "no_route", "orders.>"),
        ({"start": "A", "input": {"x": "data.nope"}}, "bad_expression", r"input\.x: data\.nope"),
        ({"start": "A", "input": "double(data.pages) / 0.0"}, "bad_expression", "JSON cannot hold"),
        ({"start": "A", "priority": "data.pages + 3"}, "bad_expression", "6, not a whole number from 1 to 5"),
        ({"start": "A", "not_before": "data.path"}, "bad_expression", "not a time"),
        ({"start": "A", "fairness_key": "{data.tenant}"}, "bad_data", "data.tenant"),
        ({"start": "A", "flow": {"key": "data.tenant", "max_open": 1}}, "bad_expression", "data.tenant"),
    ],
)
def test_an_event_that_no_route_can_take_is_refused_with_a_reason(
    route: dict[str, Any], reason: Reason, detail: str
) -> None:
    with pytest.raises(InvalidMessage, match=detail) as refused:
        commands(**route)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("first", "second", "detail"),
    [
        ({"schema": {"required": ["title"]}}, {"when": "data.nope"}, "data.nope"),
        ({"input": "data.nope"}, {"schema": {"required": ["title"]}}, "title"),
        ({"input": "data.one"}, {"input": "data.two"}, "data.one"),
        ({"when": "data.pages > 10", "input": "data.one"}, {"input": "data.two"}, "data.two"),
    ],
)
def test_of_several_refusals_the_earliest_stage_counts_and_then_the_first_route(
    first: dict[str, Any], second: dict[str, Any], detail: str
) -> None:
    rules = compile_rules(
        [
            Route.model_validate({"on": ">", **first, "start": "A"}),
            Route.model_validate({"on": ">", **second, "start": "B"}),
        ]
    )

    with pytest.raises(InvalidMessage, match=detail):
        admit(EVENT, ARRIVAL, rules=rules)


def test_the_input_is_computed_from_the_event_by_expressions() -> None:
    (whole,) = commands(start="A", input="data.path")
    (fields,) = commands(start="A", input={"file": "data.path", "tenant": "headers['x-tenant']", "at": "time"})

    assert isinstance(whole, StartWorkflow)
    assert isinstance(fields, StartWorkflow)
    assert whole.input == "contract.md"
    assert fields.input == {"file": "contract.md", "tenant": "acme", "at": "2026-11-23T12:00:00Z"}
    assert whole.digest == fields.digest, "the digest is of the event, not of the input"


def test_the_options_of_a_run_come_from_its_route() -> None:
    (command,) = commands(
        start="A",
        workflow_id="doc-{data.path}",
        task_queue="gpu",
        priority="data.pages > 2 ? 1 : 3",
        fairness_key="{data.path}",
        start_delay="90s",
        run_timeout="2h",
    )

    assert command.workflow_id == "doc-contract.md"
    assert command.options.model_dump() == {
        "task_queue": "gpu",
        "priority": 1,
        "fairness_key": "contract.md",
        "timeout_seconds": 7200,
        "not_before": STORED + timedelta(seconds=90),
        "attributes": {},
    }


def test_a_run_begins_at_the_later_of_start_delay_and_not_before() -> None:
    event = EVENT.model_copy(update={"data": {"at": "2026-11-24T08:00:00+01:00"}})

    (command,) = commands(event, start="A", not_before="timestamp(data.at)", start_delay="1h")

    assert command.options.not_before == datetime(2026, 11, 24, 7, tzinfo=UTC)


def test_a_signal_may_start_its_run() -> None:
    (command,) = commands(signal_with_start={"start": "Cart", "signal": "add"}, workflow_id="cart-{data.path}")

    assert isinstance(command, SignalWorkflow)
    assert (command.workflow, command.signal, command.workflow_id) == ("Cart", "add", "cart-contract.md")


@given(json_values, st.sampled_from(["structured", "binary", "bare"]))
def test_any_json_becomes_a_command_that_survives_serialisation(data: JsonValue, mode: str) -> None:
    body = json.dumps(data).encode()
    raw = RawMessage("events.a", body, {})
    if mode == "binary":
        raw = RawMessage("events.a", body, {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "a", "ce-source": "s"})
    if mode == "structured":
        envelope = {"specversion": "1.0", "id": "1", "type": "a", "source": "s", "data": data}
        raw = RawMessage("events.a", json.dumps(envelope).encode(), {"content-type": "application/cloudevents+json"})
    event = read_event(raw, fallback_id="EVENTS.1")

    (command,) = commands(event, start="A")

    assert isinstance(command, StartWorkflow)
    assert StartWorkflow.model_validate_json(command.model_dump_json()).input == json.loads(json.dumps(data))


@given(st.binary(max_size=200), st.dictionaries(st.sampled_from(HEADERS), texts))
def test_any_bytes_become_one_command_or_one_refusal(body: bytes, headers: dict[str, str]) -> None:
    try:
        event = read_event(RawMessage("events.a", body, headers), fallback_id="EVENTS.1")
        admitted = commands(event, on=">", start="A", when="has(data.x) || true")
    except InvalidMessage:
        return
    assert len(admitted) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b'{"x": NaN}', "not_json"),
        (b'{"x": -Infinity}', "not_json"),
        (b'{"x": 1e999}', "not_json"),
        (b'{"x": ' + b"9" * 10_000 + b"}", "not_json"),
    ],
)
def test_a_body_that_json_cannot_hold_is_refused_with_a_reason(body: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidMessage) as refused:
        read_event(RawMessage("events.a", body, {}), fallback_id="EVENTS.1")

    assert refused.value.reason == reason


@pytest.mark.parametrize("number", [2**63, -(2**70), 10**300, 1.7e308, 0.1])
def test_huge_numbers_are_kept_exactly(number: float) -> None:
    (command,) = commands(EVENT.model_copy(update={"data": {"x": number}}), start="A", when="data.x != 0")

    assert isinstance(command, StartWorkflow)
    assert StartWorkflow.model_validate_json(command.model_dump_json()).input == {"x": number}


@pytest.mark.parametrize("year", [1, 1970, 9999])
def test_an_events_own_time_is_kept_whatever_it_is(year: int) -> None:
    event = EVENT.model_copy(update={"time": datetime(year, 1, 1, tzinfo=UTC)})

    (command,) = commands(event, start="A", when=f"time.getFullYear() == {year}")

    assert command.event.time == event.time
