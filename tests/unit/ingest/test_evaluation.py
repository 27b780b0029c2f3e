import json
from datetime import UTC, datetime, timedelta
from typing import Any

import cel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter

from perdure.config.routes import Route
from perdure.contracts import Event
from perdure_ingest.evaluation import Evaluation
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival, EventVariables
from tests.support.messages import json_values

STORED = datetime(2026, 11, 23, 12, tzinfo=UTC)
DATA: dict[str, JsonValue] = {"pages": 812, "path": "contract.md", "urgent": False, "items": [1, 2], "tenant": "acme"}

CONJUNCTS = [
    "data.a < 3",
    "data.b == 'x && y'",
    "has(data.a)",
    "!has(data.b)",
    "(data.a == 1 || data.b == 2)",
    "data.a in [1, 2, 3]",
    "[1, 2].exists(it, it == data.a && it > 1)",
    "size(data.b) > 1",
    "true",
    "headers['x-tenant'] == 'acme'",
]


def variables_of(data: JsonValue, event_type: str = "documents.submitted") -> EventVariables:
    event = Event(id="e1", type=event_type, source="test", data=data)
    return EventVariables(event, Arrival(7, STORED, {"X-Tenant": "acme"}))


def evaluated(data: JsonValue = DATA, **route: Any) -> Evaluation:
    rule = Rule(Route.model_validate({"on": "documents.*", "start": "A", **route}))
    return rule.evaluate(variables_of(data))


def test_an_evaluation_holds_everything_that_a_route_makes_of_an_event() -> None:
    evaluation = evaluated(
        when="data.pages > 10",
        workflow_id="doc-{data.path}",
        priority="data.urgent ? 1 : 4",
        fairness_key="{data.tenant}",
        start_delay="90s",
        input={"file": "data.path"},
        flow={"key": "data.tenant", "max_open": 1},
    )

    assert evaluation == Evaluation(
        "A",
        matched=True,
        workflow_id="doc-contract.md",
        key="acme",
        priority=4,
        fairness_key="acme",
        not_before=STORED + timedelta(seconds=90),
        input={"file": "contract.md"},
    )


def test_a_signal_with_start_has_an_input_for_the_signal_and_one_for_the_run() -> None:
    evaluation = evaluated(
        start=None,
        signal_with_start={"start": "Cart", "signal": "add", "input": "data.tenant"},
        workflow_id="cart",
        input="data.pages",
    )

    assert (evaluation.route, evaluation.input, evaluation.start_input) == ("Cart-add", 812, "acme")


def test_an_event_of_another_type_does_not_match() -> None:
    evaluation = Rule(Route(on="orders.*", start="A")).evaluate(variables_of({}))

    reason = "`on: orders.*` does not match documents.submitted"
    assert evaluation == Evaluation("A", matched=False, named=False, reason=reason)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("data.pages < 500", "data.pages < 500 is false: data.pages is 812"),
        ("data.urgent", "data.urgent is false: data.urgent is false"),
        ("has(data.title)", "has(data.title) is false: data.title is missing"),
        ("data.pages > 1 && data.pages < 500 && data.urgent", "data.pages < 500 is false: data.pages is 812"),
        ("data.path == 'a && b' && data.urgent", "data.path == 'a && b' is false: data.path is \"contract.md\""),
        (
            "data.pages > 1 && (data.urgent || data.pages < 5)",
            "(data.urgent || data.pages < 5) is false: data.urgent is false, data.pages is 812",
        ),
        (
            "data.urgent && data.pages > 1 || data.pages < 5",
            "data.urgent && data.pages > 1 || data.pages < 5 is false: data.urgent is false, data.pages is 812",
        ),
        ("data.items[0] == 2", "data.items[0] == 2 is false: data.items[0] is 1"),
        ("data['path'].endsWith('.txt')", "data['path'].endsWith('.txt') is false: data['path'] is \"contract.md\""),
        ("headers['x-tenant'] == 'b'", "headers['x-tenant'] == 'b' is false: headers['x-tenant'] is \"acme\""),
        (
            "time > timestamp('2027-01-01T00:00:00Z')",
            "time > timestamp('2027-01-01T00:00:00Z') is false: time is \"2026-11-23T12:00:00Z\"",
        ),
        ("[1, 2].exists(type, type > 5)", "[1, 2].exists(type, type > 5) is false"),
        ("data.nope == 1 && data.urgent", "data.urgent is false: data.urgent is false"),
        ("false", "false is false"),
    ],
)
def test_the_reason_names_the_false_part_of_the_condition_with_the_values_it_read(when: str, reason: str) -> None:
    evaluation = evaluated(when=when)

    assert (evaluation.matched, evaluation.reason, evaluation.refusal) == (False, reason, None)


def test_long_values_and_control_characters_are_cut_and_escaped() -> None:
    evaluation = evaluated({"text": "\u202e" + "x" * 10_000}, when="data.text == 'a'")

    assert evaluation.reason.startswith(r"""data.text == 'a' is false: data.text is "\u202exxx""")
    assert len(evaluation.reason) < 150


@pytest.mark.parametrize(
    ("route", "stage", "matched", "reason", "detail"),
    [
        ({"when": "data.nope == 1"}, "condition", False, "bad_expression", "data.nope == 1"),
        ({"when": "data.nope == 1 && data.pages > 1"}, "condition", False, "bad_expression", "data.nope == 1"),
        ({"when": "data.pages"}, "condition", False, "bad_expression", "812, not true or false"),
        ({"schema": {"required": ["title"]}, "input": "data.nope"}, "schema", True, "bad_data", "title"),
        ({"input": "data.nope"}, "values", True, "bad_expression", "data.nope"),
        ({"workflow_id": "x-{data.nope}"}, "values", True, "bad_data", "data.nope"),
    ],
)
def test_an_event_that_a_route_cannot_take_is_refused_at_a_stage(
    route: dict[str, Any], stage: str, *, matched: bool, reason: str, detail: str
) -> None:
    evaluation = evaluated(**route)

    assert evaluation.matched is matched
    assert evaluation.refusal is not None
    assert (evaluation.refusal.stage, evaluation.refusal.reason) == (stage, reason)
    assert detail in evaluation.refusal.detail


def test_an_evaluation_can_be_written_as_json_and_read_again() -> None:
    adapter = TypeAdapter(Evaluation)
    for evaluation in (evaluated(start_delay="1s"), evaluated(when="data.urgent"), evaluated(when="data.nope")):
        assert adapter.validate_json(adapter.dump_json(evaluation)) == evaluation


data_of_conditions = st.dictionaries(
    st.sampled_from(["a", "b"]), st.one_of(st.integers(0, 4), st.sampled_from(["x", "x && y"]), st.booleans())
)


@given(data_of_conditions, st.lists(st.sampled_from(CONJUNCTS), min_size=1, max_size=4))
def test_a_condition_holds_if_cel_finds_the_whole_of_it_true(data: dict[str, JsonValue], conjuncts: list[str]) -> None:
    when = " && ".join(conjuncts)
    values = variables_of(data).values

    evaluation = evaluated(data, when=when)

    try:
        expected = cel.evaluate(when, values)
    except Exception:  # noqa: BLE001 (CEL raises many types)
        assert evaluation.refusal is not None
        assert evaluation.refusal.reason == "bad_expression"
        return
    assert evaluation.matched is expected
    if not expected:
        false_part = evaluation.reason.partition(" is false")[0]
        assert false_part in conjuncts
        assert cel.evaluate(false_part, values) is False


@given(json_values)
def test_whatever_the_data_an_evaluation_is_a_value_and_no_error(data: JsonValue) -> None:
    for when in ("data == 1 && type == 'a'", "data.x.y == 1", "has(data.x) && data.x"):
        evaluation = evaluated(data, when=when)

        json.loads(TypeAdapter(Evaluation).dump_json(evaluation))
