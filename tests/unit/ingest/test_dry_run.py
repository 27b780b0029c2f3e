import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.config.routes import Route
from perdure_ingest.dry_run import TrialEvent, try_event
from perdure_ingest.rules import compile_rules
from tests.support.command_line import perdure

ROUTES = [
    {"on": "orders.*", "start": "Order", "schema": {"required": ["id"]}},
    {"on": "orders.>", "start": "Big", "when": "data.total > 100", "flow": {"key": "data.id", "max_open_per_key": 1}},
    {"on": "documents.>", "start": "Document"},
]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"id": 7, "total": 200}, {"Order": "starts Order", "Big": "starts Big, after its flow control (key 7)"}),
        ({"id": 7, "total": 2}, {"Order": "starts Order", "Big": "data.total > 100 is false: data.total is 2"}),
        ({"total": 2}, {"Order": "'id' is a required property", "Big": "data.total > 100 is false: data.total is 2"}),
        ({"id": 7}, {"Order": "would start Order, but", "Big": "data.total > 100` fails"}),
    ],
)
def test_each_route_reports_what_it_would_do_and_why_not(data: dict[str, int], expected: dict[str, str]) -> None:
    rules = compile_rules([Route.model_validate(route) for route in ROUTES])

    trial = TrialEvent(type="orders.placed", body=json.dumps(data).encode())
    outcomes = try_event(trial, rules=rules, now=datetime.now(UTC), max_payload_bytes=1_000)

    for outcome in outcomes:
        assert expected.get(str(outcome.route), "does not match orders.placed") in outcome.why


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return perdure(folder, "routes", "check", *arguments)


def test_routes_are_tried_without_any_server(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text(json.dumps({"routes": ROUTES}))

    taken = check(tmp_path, "orders.placed", '{"id": 1, "total": 5}', "--id", "o1", "--json")
    unrouted = check(tmp_path, "people.arrived")
    refused = check(tmp_path, "orders.placed", "{}")

    assert (taken.returncode, unrouted.returncode, refused.returncode) == (0, 1, 1)
    assert [json.loads(line)["takes"] for line in taken.stdout.splitlines()] == [True, False, False]
    assert json.loads(taken.stdout.splitlines()[0])["command"]["workflow_id"] == "Order~o1~eb10e1b5"
    assert "No route names its type" in unrouted.stdout
    assert "dead letter, bad_data" in refused.stdout


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ("- {on: a, start: A}\n- {on: b, start: B, when: 'dta.x'}\n", "perdure.yaml:3: route B: `when` uses dta"),
        ("- on: a\n  strat: A\n", "perdure.yaml:3: routes.0.strat: unknown key: did you mean start"),
        ("- on: a\n  start: A\n  flow:\n    rate: fast\n", "perdure.yaml:5: routes.0.flow.rate: .*10/s"),
        ("- {on: a, start: A}\n- {on: b, start: A}\n", "perdure.yaml:3: two routes are called A"),
    ],
)
def test_a_wrong_route_is_reported_with_its_line(tmp_path: Path, routes: str, message: str) -> None:
    (tmp_path / "perdure.yaml").write_text(f"routes:\n{routes}")

    shown = check(tmp_path, "a")

    assert shown.returncode == 1
    assert re.search(message, shown.stderr), shown.stderr


def test_a_route_that_refuses_keeps_the_others_from_starting(tmp_path: Path) -> None:
    routes = [{"on": "a", "start": "A"}, {"on": "a", "start": "B", "schema": {"required": ["x"]}}]
    (tmp_path / "perdure.yaml").write_text(json.dumps({"routes": routes}))

    shown = check(tmp_path, "a")

    assert shown.returncode == 1
    assert "· A  refused: would start A, but the event becomes a dead letter because of route B" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["a", '{"x": NaN}'], "dead letter, not_json"),
        (["a", '{"x": 1e999}'], "dead letter, not_json"),
        (["a", '{"x": "\\ud800"}'], "dead letter, not_json"),
        (["a", "[" * 3_000 + "]" * 3_000], "nested too deeply"),
        (["a", "{}", "--id", ""], "dead letter, bad_envelope"),
        (["a", "{}", "--time", "today"], "dead letter, bad_envelope"),
        (["a", json.dumps("x" * 100)], "dead letter, too_large"),
        (["a.*"], "cannot be an event type"),
        (["a"], "source == 'shop' is false: source is \"perdure/cli\""),
        (["a", "--source", "shop"], "✓ A[/b]  started: starts A"),
        (["a", "--source", "shop", "--subject", "s1", "--time", "2026-01-01T00:00:00Z"], "run s1-2026-01-01T00:00:00Z"),
    ],
)
def test_an_event_is_read_as_ingest_reads_it(tmp_path: Path, arguments: list[str], shown: str) -> None:
    routes = [
        {"on": "a", "start": "A", "name": "A[/b]", "when": "source == 'shop'"},
        {"on": "a", "start": "B", "workflow_id": "{subject}-{time}", "when": "subject == 's1'"},
    ]
    (tmp_path / "perdure.yaml").write_text(json.dumps({"routes": routes, "ingest": {"max_payload_bytes": 99}}))

    tried = check(tmp_path, *arguments)

    assert shown in tried.stdout + tried.stderr
    assert "Traceback" not in tried.stderr


def test_without_any_route_no_route_names_the_type(tmp_path: Path) -> None:
    (tmp_path / "perdure.yaml").write_text("routes: []\n")

    tried = check(tmp_path, "orders.placed")

    assert (tried.returncode, tried.stderr) == (1, "")
    assert "No route names its type" in tried.stdout
