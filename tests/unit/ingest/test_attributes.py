"""The search attributes that a route makes of an event: their types, and values that do not fit."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import Event, StartWorkflow
from perdure.errors import SetupError
from perdure.values.search_attribute import inferred_type
from perdure_ingest.admission import Admission, decide
from perdure_ingest.check import find_problems
from perdure_ingest.rules import compile_rules
from perdure_ingest.variables import Arrival

DATA = {
    "customer": "ACME",
    "number": 7,
    "amount": 12.5,
    "paid": True,
    "due": "2026-11-24T09:00:00+01:00",
    "tags": ["a", 1],
    "nothing": None,
    "long": "x" * 256,
    "huge": 2**62,
}


def route(**attributes: Any) -> dict[str, Any]:
    return {"on": "order.placed", "start": "Order", "attributes": attributes}


def admit(**attributes: Any) -> Admission:
    event = Event(id="1", type="order.placed", source="test", data=DATA)
    arrival = Arrival(1, datetime(2026, 11, 30, tzinfo=UTC), headers={})
    return decide(event, arrival, rules=compile_rules([Route.model_validate(route(**attributes))]))


def values(**attributes: Any) -> dict[str, Any]:
    (admitted,) = admit(**attributes).admitted
    assert isinstance(admitted.command, StartWorkflow)
    return {name: (it.type, it.value) for name, it in admitted.command.options.attributes.items()}


def typed(value: str, type_: str) -> dict[str, str]:
    return {"value": value, "type": type_}


def test_a_value_has_the_declared_type_or_that_of_its_outermost_conversion() -> None:
    assert values(
        Customer=typed("data.customer", "keyword"),
        Number="int(data.number)",
        Amount="double(data.amount)",
        Paid=typed("data.paid", "bool"),
        Due="timestamp(data.due)",
        DueText=typed("data.due", "datetime"),
        Tags=typed("data.tags", "keyword_list"),
        Plain="data.number",
        Whole=typed("data.amount * 2.0", "int"),
        Wide=typed("data.number", "double"),
        Huge=typed("data.huge", "int"),
    ) == {
        "Customer": ("keyword", "ACME"),
        "Number": ("int", 7),
        "Amount": ("double", 12.5),
        "Paid": ("bool", True),
        "Due": ("datetime", "2026-11-24T08:00:00Z"),
        "DueText": ("datetime", "2026-11-24T08:00:00Z"),
        "Tags": ("keyword_list", ("a", "1")),
        "Plain": ("keyword", "7"),
        "Whole": ("int", 25),
        "Wide": ("double", 7.0),
        "Huge": ("int", 2**62),
    }


def test_null_leaves_an_attribute_out() -> None:
    assert values(Nothing="data.nothing", Customer="data.customer") == {"Customer": ("keyword", "ACME")}


@pytest.mark.parametrize(
    ("attribute", "sentence"),
    [
        (typed("data.customer", "double"), "`attributes.A: data.customer` gives 'ACME', which is no double: a number"),
        (typed("data.amount", "int"), "gives 12.5, which is no int: a whole number is needed"),
        (typed("data.paid", "int"), "gives True, which is no int"),
        (typed("data.paid", "double"), "gives True, which is no double"),
        (typed("1.0 / 0.0", "double"), "gives inf, which is no double: a finite number is needed"),
        (typed("data.number", "bool"), "gives 7, which is no bool: true or false is needed"),
        (typed("data.customer", "datetime"), "which is no datetime: not a time with its zone"),
        (typed("data.customer", "keyword_list"), "which is no keyword list: a list of texts is needed"),
        ("data.tags", "which is no keyword: a list"),
        ("data.long", "which is no keyword: it has 256 characters, and Temporal keeps 255"),
        ("data.absent", "`attributes.A: data.absent` fails"),
    ],
)
def test_a_value_that_does_not_fit_is_a_dead_letter_with_a_sentence(attribute: Any, sentence: str) -> None:
    if isinstance(attribute, dict) and attribute["value"] == "1.0 / 0.0":  # it is so for every event
        with pytest.raises(SetupError, match=sentence):
            admit(A=attribute)
        return
    refusal = admit(A=attribute).refusal

    assert refusal is not None
    assert refusal.reason == "bad_expression"
    assert sentence in refusal.detail


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("PerdureRoute", "names that begin with perdure are Perdure's own"),
        ("perdure_x", "names that begin with perdure are Perdure's own"),
        ("WorkflowId", "a search attribute of Temporal's own"),
        ("TemporalThing", "a search attribute of Temporal's own"),
        ("RunId", "a search attribute of Temporal's own"),
        ("customer id", "no name of a search attribute"),
        ("1st", "no name of a search attribute"),
    ],
)
def test_names_that_are_not_the_users_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Route.model_validate(route(**{name: "data.customer"}))


def test_a_route_that_only_signals_has_no_attributes() -> None:
    with pytest.raises(ValidationError, match="for runs that start, and this route only signals"):
        Route.model_validate({"on": "a", "signal": "s", "workflow_id": "x", "attributes": {"A": "data.a"}})


def test_one_name_with_two_types_is_refused_at_the_check_and_at_the_start() -> None:
    routes = [route(Amount="double(data.amount)"), {**route(Amount="data.amount"), "name": "other"}]

    (problem,) = find_problems(Settings.model_validate({"routes": routes}))

    assert "route other: `attributes.Amount` is a keyword here and a double in a route before" in problem.what
    with pytest.raises(SetupError, match="is a keyword here and a double"):
        compile_rules([Route.model_validate(it) for it in routes])


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("double(data.a)", "double"),
        ("double( data.a + (1.0) ) ", "double"),
        ("double(data.a) > 1.0", "keyword"),
        ("double(data.a) + double(data.b)", "keyword"),
        ("timestamp(data.a)", "datetime"),
        ("string(int(data.a))", "keyword"),
        ("int(size(')'))", "int"),
        ("data.a", "keyword"),
        ("", "keyword"),
    ],
)
def test_the_type_of_an_expression_that_is_one_conversion_is_known(expression: str, type_: str) -> None:
    assert inferred_type(expression) == type_
