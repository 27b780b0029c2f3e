"""Acts on many runs: some at once and printed in order, an outage waited out, an end that says how to go on."""

import asyncio
import json
import os
import signal

import pytest
from typer.testing import CliRunner, Result

from perdure.bus import MemoryBus
from perdure.cli.app import app
from perdure.client import patience
from perdure.contracts.run_acts import ACT_ON_RUN, RunActReply, RunActRequest
from perdure.contracts.runs import FIND_RUNS, FoundRun, FoundRuns
from perdure.errors import Unavailable
from tests.support.cli_bus import use_bus

BEGAN = "2026-11-26T00:00:00Z"
RUNS = [f"Order-{number}" for number in range(40)]


class Bus(MemoryBus):
    """A bus whose orchestrator answers, each older run later than the next, unless it is away.

    Attributes:
        away: How many requests nobody answers, from a certain run on.
        begins_at: That run.
        interrupted_at: The run of which the answer does not come before Ctrl-C.
    """

    def __init__(self) -> None:
        super().__init__()
        self.acted: list[str] = []
        self.most = self.now = self.away = 0
        self.begins_at = self.interrupted_at = ""

    async def request(self, subject: str, body: bytes) -> bytes:
        if subject == FIND_RUNS:
            runs = tuple(
                FoundRun(workflow="Order", workflow_id=it, run_id="r", status="FAILED", started_at=BEGAN)
                for it in reversed(RUNS)
            )
            return FoundRuns(runs=runs).model_dump_json().encode()
        assert subject == ACT_ON_RUN
        asked = RunActRequest.model_validate_json(body)
        if self.away and asked.workflow_id == self.begins_at:
            self.away -= 1
            raise Unavailable("No responder replies.")
        self.now += 1
        self.most = max(self.most, self.now)
        if asked.workflow_id == self.interrupted_at:
            await self._interrupt()
        await asyncio.sleep(0.001 * (len(RUNS) - len(self.acted)))
        self.now -= 1
        self.acted.append(asked.workflow_id)
        return RunActReply(workflow_id=asked.workflow_id, outcome="done").model_dump_json().encode()

    async def _interrupt(self) -> None:
        """Interrupt the command once all others have been answered and what can be printed is printed."""
        while len(self.acted) < len(RUNS) - 1:
            await asyncio.sleep(0.01)
        for _ in range(1000):
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()
    use_bus(monkeypatch, bus, "runs.acting")
    monkeypatch.setattr(patience, "backoff_seconds", lambda _: 0.01)
    return bus


def retry(*more: str) -> Result:
    return CliRunner().invoke(app, ["runs", "retry", "--where", "x = 1", "--yes", "--act", "mine", *more])


def printed(result: Result) -> list[str]:
    return [json.loads(line)["workflow_id"] for line in result.stdout.splitlines()]


def test_some_runs_are_acted_on_at_once_and_printed_in_order(bus: Bus) -> None:
    result = retry("--json")

    assert result.exit_code == 0, result.output
    assert printed(result) == RUNS
    assert sorted(bus.acted) == sorted(RUNS)
    assert 1 < bus.most <= 16


def test_a_service_that_comes_back_is_waited_for_with_one_line(bus: Bus) -> None:
    bus.begins_at, bus.away = RUNS[20], 3
    result = retry("--json")

    assert (result.exit_code, printed(result)) == (0, RUNS)
    assert result.stderr.count("Nobody answers on acts.runs: waiting up to a minute") == 1


def test_a_service_that_stays_away_ends_the_command_with_what_is_left(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_WAITS", 0.2)
    bus.begins_at, bus.away = RUNS[20], 10_000
    result = retry("--json")
    bus.away = 0
    again = retry("--json")

    assert result.exit_code == 75
    assert printed(result) == RUNS[:20]
    assert "20 of 40 runs are answered. The same command with --act mine does the rest" in result.stderr
    assert (again.exit_code, printed(again)) == (0, RUNS)


def test_an_interrupted_command_says_what_is_done_and_how_to_go_on(bus: Bus) -> None:
    bus.interrupted_at = RUNS[30]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        result = retry("--json")
    finally:
        signal.signal(signal.SIGINT, before)

    assert result.exit_code == 130
    assert printed(result) == RUNS[:30]
    assert "Interrupted: 30 of 40 runs are answered. The same command with --act mine does the rest" in result.stderr
