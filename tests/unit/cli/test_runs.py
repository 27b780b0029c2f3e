"""What the commands tell of a run that was renewed: its facts are numbered from 1 again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from perdure.bus import MemoryBus
from perdure.cli import runs
from perdure.cli.app import app
from perdure.contracts import Progress, RunUsage
from perdure.contracts.runs import RunDescription
from perdure.contracts.usage import Usage

BEGAN = datetime(2026, 11, 26, tzinfo=UTC)


class Bus(MemoryBus):
    """Has somebody who answers for Temporal."""

    async def request(self, _subject: str, _question: bytes) -> bytes:
        return RunDescription(workflow_id="Endless-1", status="COMPLETED").model_dump_json().encode()


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    bus = Bus()

    @asynccontextmanager
    async def open_bus() -> AsyncIterator[MemoryBus]:
        yield bus

    monkeypatch.setattr(runs, "open_bus", open_bus)
    return bus


def say(bus: Bus, run_id: str, *facts: dict[str, Any]) -> None:
    for number, fact in enumerate(facts, start=1):
        at = BEGAN + timedelta(minutes=len(bus.published))
        this = {"workflow": "Endless", "workflow_id": "Endless-1", "run_id": run_id, "sequence": number, "at": at}
        asyncio.run(bus.publish(Progress(**this, **fact)))


def asking(tokens: int) -> list[dict[str, Any]]:
    usage = RunUsage.of_request("counter", "m", Usage(requests=1, input_tokens=tokens))
    return [{"kind": "started"}, {"kind": "step_started"}, {"kind": "step_completed", "usage": usage}]


def test_what_a_renewed_run_gave_is_what_the_last_one_gave(bus: Bus) -> None:
    say(bus, "first", *asking(1), {"kind": "note", "result": "long enough"})
    say(bus, "second", {"kind": "started"}, {"kind": "completed", "result": "stopped"})

    told = CliRunner().invoke(app, ["result", "Endless-1"])

    assert (told.exit_code, told.stdout) == (0, '"stopped"\n')


def test_what_a_renewed_run_used_is_what_all_of_them_used(bus: Bus) -> None:
    say(bus, "first", *asking(3))
    say(bus, "second", *asking(4))

    told = CliRunner().invoke(app, ["status", "Endless-1"])

    assert "2 model requests" in told.stdout
    assert "7 tokens in" in told.stdout
