from pathlib import Path

import pytest

from perdure.config.loader import load_settings
from perdure_ingest.check import find_problems


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
