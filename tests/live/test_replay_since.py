"""``perdure replay --since`` replays what is open and what has ended since then, at most 20 of each kind."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from subprocess import CompletedProcess
from typing import Any

from temporalio.client import Client

from tests.support.command_line import perdure
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

QUICK = 22
FIRST = "await workflow.execute_activity(record_step, 0, start_to_close_timeout=SOON)"
CHANGE = (FIRST, f"await workflow.sleep(1); {FIRST}")


async def test_runs_that_have_ended_since_then_are_replayed_too(world: OpenWorld) -> None:
    async with world() as live:
        await live.publish("work.patient", b"{}", Nats_Msg_Id="open")
        for number in range(QUICK):
            await live.publish("work.quick", b"{}", Nats_Msg_Id=f"{number}")
        await live.completed(QUICK)
        await listed(live)
        build, later = live.suite.rollouts.build, datetime.now(UTC).isoformat()

        week, full = await replayed(live, "7d"), await replayed(live, "7d", "--sample", "50")
        only_open, chosen = await replayed(live, later), await replayed(live, "7d", "--workflow", "Quick")
        none = await replayed(live, later, "--workflow", "Quick")
        both = await replayed(live, "7d", "--open")
        module = live.folder / "workshop.py"
        module.write_text(module.read_text().replace(*CHANGE))
        changed = await replayed(live, "7d", "--workflow", "Quick", "--sample", "1")

    patient = {"workflow": "Patient", "build": build, "replayed": 1, "of": 1}
    quick = {"workflow": "Quick", "build": build, "replayed": 20, "of": QUICK}
    assert sample(week) == [patient, quick]
    assert sample(full) == [patient, quick | {"replayed": QUICK}]
    assert sample(only_open) == [patient]
    assert sample(chosen) == [quick]
    assert [it.returncode for it in (week, full, only_open, chosen)] == [0, 0, 0, 0]
    assert (none.returncode, "No run of Quick was open since then" in none.stderr) == (4, True), none.stderr
    assert (both.returncode, "--open, --since TIME or DIR" in both.stderr) == (2, True), both.stderr
    run, _ = lines(changed)
    assert (changed.returncode, run["workflow"], run["replays"]) == (1, "Quick", False)
    assert run["line"].startswith("workshop.py:")


async def replayed(live: World, since: str, *options: str) -> CompletedProcess[str]:
    environment = {"PERDURE_STATE": str(live.settings.state)}
    arguments = ("replay", "--since", since, "--json", *options)
    return await asyncio.to_thread(perdure, live.folder, *arguments, environment=environment)


def lines(replay: CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in replay.stdout.splitlines()]


def sample(replay: CompletedProcess[str]) -> list[dict[str, Any]]:
    assert replay.stdout, replay.stderr
    found: list[dict[str, Any]] = lines(replay)[-1]["summary"]["sample"]
    return found


async def listed(live: World) -> None:
    """Wait until Temporal lists the ended runs as such: its list lags behind."""
    temporal = await Client.connect(live.suite.endpoints.temporal)
    async with asyncio.timeout(60):
        while (
            await temporal.count_workflows("WorkflowType = 'Quick' AND ExecutionStatus = 'Completed'")
        ).count < QUICK:
            await asyncio.sleep(0.2)
