from typing import Any

import pytest

from perdure.config.routes import Route
from perdure.errors import SetupError
from perdure_ingest.rules import compile_rules


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([{"on": "a", "start": "A", "when": "data."}], "not CEL"),
        ([{"on": "a", "start": "A", "when": "dta.x == 1"}], "uses dta, which no event has: did you mean data"),
        (
            [{"on": "a", "start": "A", "flow": {"key": "tenant", "max_open": 1}}],
            "uses tenant, which no event has; there are: data",
        ),
        ([{"on": "a", "start": "A", "workflow_id": "o-{dta.id}"}], "uses dta, which no event has: did you mean data"),
        ([{"on": "a", "start": "A", "workflow_id": "o-{data.id"}], "`{` is not closed"),
        ([{"on": "a", "start": "A", "workflow_id": "o-{}"}], "uses an empty field"),
        ([{"on": "a", "start": "A", "workflow_id": "o-{data.}"}], "names no field"),
        ([{"on": "a", "start": "A", "workflow_id": "o-{headers}"}], "names no field"),
        ([{"on": "a", "start": "A", "workflow_id": "o-{id.x}"}], "id has no fields: write {id}"),
        ([{"on": "a", "start": "A", "workflow_id": "{headers['x-t']}"}], "with dots, {headers.x-t}"),
        ([{"on": "a", "start": "A", "workflow_id": "{headers.X-T}"}], "lower case: write {headers.x-t}"),
        ([{"on": "a", "start": "A", "schema": {"type": "nonsense"}}], "not a JSON Schema"),
        ([{"on": "a", "start": "A", "schema": "perdure.contracts:Nothing"}], "cannot be loaded"),
        ([{"on": "a", "start": "A", "schema": "perdure.contracts:to_token"}], "not a pydantic model"),
        ([{"on": "a", "start": "A"}, {"on": "b", "start": "A"}], "called A"),
    ],
)
def test_a_wrong_route_is_an_error_at_start(routes: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        compile_rules([Route.model_validate(route) for route in routes])


@pytest.mark.parametrize(
    "route",
    [
        {"on": "a"},
        {"on": "a", "start": "A", "signal": "s"},
        {"on": "a", "signal": "s"},
        {"on": "a", "signal": "s", "workflow_id": "x", "flow": {"max_open": 1}},
        {"on": "a", "signal": "s", "workflow_id": "x", "priority": 1},
        {"on": "a", "signal_with_start": {"start": "A", "signal": "s"}},
        {"on": "a", "start": "A", "priority": 6},
        {"on": "a", "start": "A", "start_delay": "9999999d"},
        {"on": "a", "start": "A", "run_timeout": "36501d"},
    ],
)
def test_a_route_without_an_action_or_with_options_that_do_not_fit_is_refused(route: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"route|run|less than or equal|at most 36500d"):
        Route.model_validate(route)
