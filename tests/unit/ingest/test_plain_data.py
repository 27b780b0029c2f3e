"""Any data gives a command or a dead letter with a reason; ids and keys are plain text."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue, field_validator

from perdure.bus import RawMessage, StoredMessage, decode, encode
from perdure.config.routes import Route
from perdure.contracts import Reason, StartWorkflow
from perdure.errors import InvalidMessage
from perdure_ingest.admission import Admitted
from perdure_ingest.reception import receive
from perdure_ingest.rules import compile_rules
from tests.support.admitting import admit

STORED = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Picky(BaseModel):
    """A model whose validator has a bug."""

    size: int

    @field_validator("size")
    @classmethod
    def _fits(cls, size: int) -> int:
        return {1: 1}[size]


def admitted(data: JsonValue, **route: Any) -> Admitted:
    raw = RawMessage("events.a", json.dumps(data).encode(), {"Nats-Msg-Id": "e1"})
    event, arrival = receive(StoredMessage(raw, "EVENTS", 7, STORED, 0), max_payload_bytes=100_000)
    (one,) = admit(event, arrival, rules=compile_rules([Route.model_validate({"on": "a", "start": "A", **route})]))
    return one


@pytest.mark.parametrize(
    ("value", "text"),
    [("007", "007"), (7, "7"), (2**70, str(2**70)), (1.0, "1.0"), (1e300, "1e+300"), (True, "true"), ("é", "é")],
)
def test_values_in_ids_and_keys_are_written_as_json_has_them(value: JsonValue, text: str) -> None:
    run = admitted({"x": value}, workflow_id="o-{data.x}", fairness_key="{data.x}")

    assert (run.command.workflow_id, run.command.options.fairness_key) == (f"o-{text}", text)
    if value != 2**70:
        assert admitted({"x": value}, flow={"key": "data.x", "max_open": 1}).evaluation.key == text


def test_a_time_in_an_id_is_rfc_3339() -> None:
    assert admitted({}, workflow_id="o-{time}").command.workflow_id == "o-2026-11-23T12:00:00Z"


@pytest.mark.parametrize(("value", "kind"), [(None, "null"), ([1], "a list"), ({"a": 1}, "an object")])
@pytest.mark.parametrize(
    "route", [{"workflow_id": "o-{data.x}"}, {"fairness_key": "{data.x}"}, {"flow": {"key": "data.x", "max_open": 1}}]
)
def test_what_identifies_nothing_is_refused(value: JsonValue, kind: str, route: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage, match=kind) as refused:
        admitted({"x": value}, **route)

    assert refused.value.reason == "bad_data"
    assert next(iter(route)) in refused.value.detail


@pytest.mark.parametrize(
    ("data", "route", "reason", "detail"),
    [
        ({"x": ""}, {"workflow_id": "{data.x}"}, "bad_data", r"workflow_id: {data\.x}` needs text.* data\.x is empty"),
        ({"x": "9999-12-31T23:59:59-14:00"}, {"not_before": "data.x"}, "bad_expression", "years 1 to 9999"),
        ({"x": "0001-01-01T00:00:00+14:00"}, {"not_before": "data.x"}, "bad_expression", "years 1 to 9999"),
        ({"x": "9999-12-31T23:59:59-14:00"}, {"not_before": "timestamp(data.x)"}, "bad_expression", "years 1 to 9999"),
        ({"x": 5}, {"not_before": "data.x"}, "bad_expression", "not a time"),
        ({"x": "5"}, {"not_before": "data.x"}, "bad_expression", "not a time"),
        ({"x": "2026-11-24"}, {"not_before": "data.x"}, "bad_expression", "not a time"),
        ({"x": 2**64}, {"input": {"a": "data.x"}}, "bad_expression", r"input\.a: data\.x` reads data\.x: 18446744"),
        (
            {"x": [-(2**63) - 1]},
            {"input": "data.x.map(it, it)"},
            "bad_expression",
            "reads data.x: -9223372036854775809",
        ),
        ({"x": 2**64}, {"input": "[1].map(data, data)"}, "bad_expression", "reads data"),
        ({"size": 2}, {"schema": f"{__name__}:Picky"}, "bad_data", "KeyError"),
        ({"x": 1}, {"schema": {"$ref": "#/nowhere"}}, "bad_data", "schema` fails on this data"),
    ],
)
def test_what_a_route_cannot_take_has_a_reason(
    data: JsonValue, route: dict[str, Any], reason: Reason, detail: str
) -> None:
    with pytest.raises(InvalidMessage, match=detail) as refused:
        admitted(data, **route)

    assert refused.value.reason == reason


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63), 2**53 + 1])
def test_integers_of_64_bits_pass_through_expressions(number: int) -> None:
    command = admitted({"x": number}, input={"a": "data.x"}).command

    assert isinstance(command, StartWorkflow)
    assert command.input == {"a": number}


def test_an_integer_that_no_expression_reads_is_kept() -> None:
    command = admitted({"x": 2**70, "y": 1}, input={"a": "data.y"}, when="data.x > 0").command

    assert isinstance(command, StartWorkflow)
    assert command.input == {"a": 1}


def test_data_that_is_nested_too_deeply_for_a_command_is_refused() -> None:
    deepest: JsonValue = json.loads("[" * 128 + "]" * 128)

    command = admitted(deepest, input={"a": "data"}).command

    assert decode(encode(command, source="test")) == command
    with pytest.raises(InvalidMessage, match="nested too deeply"):
        admitted([deepest])
