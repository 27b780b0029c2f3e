"""Commands on a run that continued as new, whose facts are numbered from 1 again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.bus import MemoryBus
from perdure.cli.app import app
from perdure.contracts import Progress, RunUsage
from perdure.contracts.runs import RunDescription
from perdure.contracts.usage import Usage
from tests.support.cli_bus import use_bus

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)


class Bus(MemoryBus):
    """A bus with a responder for run descriptions."""

    async def request(self, _subject: str, _body: bytes) -> bytes:
        return RunDescription(workflow_id="Endless-1", status="COMPLETED").model_dump_json().encode()


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()

    use_bus(monkeypatch, bus, "runs.result", "runs.show")
    return bus


def publish(bus: Bus, run_id: str, *facts: dict[str, Any]) -> None:
    for number, fact in enumerate(facts, start=1):
        at = BEGAN + timedelta(minutes=len(bus.published))
        common = {"workflow": "Endless", "workflow_id": "Endless-1", "run_id": run_id, "sequence": number, "at": at}
        asyncio.run(bus.publish(Progress(**common, **fact)))


def model_request(tokens: int) -> list[dict[str, Any]]:
    usage = RunUsage.of_request("counter", "m", Usage(requests=1, input_tokens=tokens))
    return [{"kind": "started"}, {"kind": "step_started"}, {"kind": "step_completed", "usage": usage}]


def test_the_result_of_a_continued_run_is_the_result_of_its_last_execution(bus: Bus) -> None:
    publish(bus, "first", *model_request(1), {"kind": "note", "result": "long enough"})
    publish(bus, "second", {"kind": "started"}, {"kind": "completed", "result": "stopped"})

    printed = CliRunner().invoke(app, ["result", "Endless-1"])

    assert (printed.exit_code, printed.stdout) == (0, '"stopped"\n')


def test_the_usage_of_a_continued_run_is_the_sum_over_its_executions(bus: Bus) -> None:
    publish(bus, "first", *model_request(3))
    publish(bus, "second", *model_request(4))

    printed = CliRunner().invoke(app, ["runs", "show", "Endless-1"])

    assert "2 model requests" in printed.stdout
    assert "7 tokens in" in printed.stdout
