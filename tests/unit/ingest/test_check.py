from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure.config.problem import InvalidConfiguration
from perdure_ingest.check import find_problems
from perdure_ingest.rules import compile_rules


@pytest.mark.parametrize(
    ("route", "problem"),
    [
        (
            '{on: a, start: A, workflow_id: "order-{data.id"}',
            "`workflow_id: order-{data.id`: a `{` is not closed; write a field as {data.order_id}",
        ),
        (
            '{on: a, start: A, fairness_key: "data.tenant}"}',
            "`fairness_key: data.tenant}`: a `}` was not opened; write a field as {data.order_id}",
        ),
        (
            '{on: a, start: A, workflow_id: "o-{dta.id}"}',
            "`workflow_id: o-{dta.id}` uses dta, which no event has: did you mean data?",
        ),
        ('{on: a, start: A, when: "data."}', "`when` is not CEL: "),
        ('{on: a, start: A, schema: "no_such_module:Order"}', "`schema` no_such_module:Order cannot be loaded: Mod"),
        (
            "{on: a, start: A, when: \"data.name.startswith('A')\"}",
            "`when` calls startswith, which CEL does not have: did you mean startsWith?",
        ),
        (
            '{on: a, start: A, input: {x: "lower(data.x)"}}',
            "`input.x` calls lower, which CEL does not have; ",
        ),
        ('{on: a, start: A, when: "1"}', "`when: 1` gives 1, not true or false"),
        ('{on: a, start: A, priority: "7"}', "`priority: 7` gives 7, not a whole number from 1 to 5"),
        ("{on: a, start: A, not_before: \"'soon'\"}", "`not_before: 'soon'` gives 'soon': not a time"),
        ('{on: a, start: A, flow: {key: "[1]", max_open: 1}}', "`flow.key` needs text, a number, true or false, but"),
        ('{on: a, start: A, input: "1 / 0"}', "`input: 1 / 0` fails: "),
        (
            '{on: a, start: A, workflow_id: "o-{data.name.first[0}"}',
            "`workflow_id: o-{data.name.first[0}` uses data.name.first[0, which names no field: write names with dots",
        ),
        ('{on: a, start: A, fairness_key: "{data.tags[0]}"}', "`fairness_key: {data.tags[0]}` uses data.tags[0], "),
    ],
)
def test_each_wrong_route_is_a_problem_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: str, problem: str
) -> None:
    (tmp_path / "perdure.yaml").write_text(f"routes:\n  - {{on: b, start: B}}\n  - {route}\n  - {route}\n")
    monkeypatch.chdir(tmp_path)

    first, second = find_problems(load_settings())

    assert str(first).startswith(f"perdure.yaml:3: route A: {problem}")
    assert str(second).startswith("perdure.yaml:4: two routes are called A")


@pytest.mark.parametrize(
    ("first", "second", "warning"),
    [
        ("on: orders.placed", "on: orders.placed", False),
        ("on: orders.*", "on: '*.placed', when: data.big", False),
        ("on: orders.placed, when: data.big", "on: orders.>, when: data.big", False),
        ("on: orders.placed, when: data.big", "on: orders.placed, when: '!data.big'", True),
        ("on: orders.placed", "on: orders.cancelled", None),
        ("on: orders", "on: orders.>", None),
    ],
)
def test_two_routes_that_start_one_run_are_a_problem_unless_no_event_or_condition_takes_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str, warning: bool | None
) -> None:
    (tmp_path / "perdure.yaml").write_text(
        f"routes:\n  - {{{first}, start: A, workflow_id: 'order-{{id}}'}}\n"
        f"  - {{{second}, start: B, workflow_id: 'order-{{ id }}'}}\n"
    )
    monkeypatch.chdir(tmp_path)
    settings = load_settings()

    problems = list(find_problems(settings))

    assert [it.is_warning for it in problems] == ([] if warning is None else [warning])
    assert all(
        "perdure.yaml:3: route B: `workflow_id: order-{ id }` is also that of route A." in str(it) for it in problems
    )
    if warning is False:
        with pytest.raises(InvalidConfiguration, match="is also that of route A"):
            compile_rules(settings.routes)
    else:
        assert len(compile_rules(settings.routes)) == 2
