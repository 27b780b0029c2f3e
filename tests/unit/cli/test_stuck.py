"""Commands on a run that waits for mended code, on the bus alone."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from perdure.bus import MemoryBus, RawMessage
from perdure.cli.app import app
from perdure.contracts import Progress, ProgressKind
from perdure.contracts.runs import StuckRun
from tests.support.cli_bus import use_bus

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)
ERROR = "KeyError: 'name' (greetings.py:21)"
STUCK = StuckRun(workflow="Greeting", workflow_id="Greeting~1", run_id="r1", error=ERROR, since=BEGAN)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    bus = MemoryBus()
    use_bus(monkeypatch, bus, "runs.result", "runs.list", "runs.watch")
    publish(bus, 1, "started")
    asyncio.run(bus.publish_raw(RawMessage(STUCK.subject, STUCK.model_dump_json().encode(), {})))
    return bus


def publish(bus: MemoryBus, sequence: int, kind: ProgressKind) -> None:
    fact = Progress(
        workflow="Greeting", workflow_id="Greeting~1", run_id="r1", sequence=sequence, kind=kind, at=BEGAN, result="hi"
    )
    asyncio.run(bus.publish(fact))


def test_a_run_that_waits_for_mended_code_is_pending_and_says_why(bus: MemoryBus) -> None:
    shown = CliRunner().invoke(app, ["result", "Greeting~1"])
    listed = CliRunner().invoke(app, ["runs", "list"])
    as_json = CliRunner().invoke(app, ["runs", "list", "--json"])

    assert (shown.exit_code, bus.published[-1].type) == (3, "progress")
    assert f"Greeting~1 waits for mended code: {ERROR}. Mend the code and deploy it" in shown.stderr
    assert "stuck" in listed.stdout
    assert "started" not in listed.stdout
    assert json.loads(as_json.stdout)["stuck"] == ERROR


def test_the_runs_that_wait_for_mended_code_are_listed_alone(bus: MemoryBus) -> None:
    fact = Progress(workflow="Greeting", workflow_id="Greeting~2", run_id="r2", sequence=1, kind="started", at=BEGAN)
    asyncio.run(bus.publish(fact))
    listed = CliRunner().invoke(app, ["runs", "list", "--state", "stuck", "--json"])
    unknown = CliRunner().invoke(app, ["runs", "list", "--state", "stuk"])

    assert [(it["workflow_id"], it["stuck"]) for it in map(json.loads, listed.stdout.splitlines())] == [
        ("Greeting~1", ERROR)
    ]
    assert (unknown.exit_code, "did you mean stuck?" in unknown.stderr.lower()) == (2, True), unknown.stderr


def test_an_ending_wins_over_what_was_known_before(bus: MemoryBus) -> None:
    publish(bus, 2, "completed")

    result = CliRunner().invoke(app, ["result", "Greeting~1", "--wait"])
    watched = CliRunner().invoke(app, ["watch", "Greeting~1", "--from-start"])
    listed = CliRunner().invoke(app, ["runs", "list"])

    assert (result.exit_code, result.stdout, watched.exit_code) == (0, '"hi"\n', 0)
    assert not [it for it in (result, watched, listed) if "mended" in it.stderr or "stuck" in it.stdout]
