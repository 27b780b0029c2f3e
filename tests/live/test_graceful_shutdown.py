"""A worker that is stopped lets a step in flight end, for as long as ``graceful_shutdown_seconds`` says."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import psutil
import pytest

from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ROLLING: Final = (Path(__file__).parents[1] / "support" / "rolling.py").read_text()
BY_DEFAULT: Final = 10  # seconds


@pytest.mark.parametrize(("grace", "times"), [(60, 1), (0.5, 2)])
async def test_a_step_in_flight_ends_within_the_setting_and_runs_again_beyond_it(
    world: OpenWorld, grace: float, times: int
) -> None:
    async with world(
        modules={"rolling.py": ROLLING},
        workflows=["rolling"],
        routes=[{"on": "roll.shipping", "start": "Shipping"}],
        orchestrator={"graceful_shutdown_seconds": grace},
    ) as live:
        await live.publish("roll.shipping", b"{}", Nats_Msg_Id="one")
        await executed(live, "load", 1)
        stopped = psutil.Process(live.suite.supervisor.pid("orchestrator"))
        os.kill(stopped.pid, signal.SIGTERM)
        if times > 1:
            await executed(live, "load", times)
        else:
            await asyncio.sleep(BY_DEFAULT + 2)  # so it is the setting that counts
        waits = stopped.is_running()
        (live.folder / "released").touch()
        facts = await live.completed(1)

    assert waits == (times == 1)
    assert steps(live) == ["load"] * times + ["unload"]
    assert facts["Shipping~one"][-1].result == "shipping one"


def steps(live: World) -> list[str]:
    """Return each execution of a step; one that is repeated counts twice."""
    return [line.split()[1] for line in live.log.read_text().splitlines()] if live.log.exists() else []


async def executed(live: World, step: str, times: int) -> None:
    async with asyncio.timeout(90):
        while steps(live).count(step) < times:
            await asyncio.sleep(0.1)
