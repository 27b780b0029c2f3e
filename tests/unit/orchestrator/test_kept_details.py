"""What a step keeps for its next attempt stays there while Perdure heartbeats for the step."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.testing import ActivityEnvironment

from perdure_orchestrator.activities.heartbeat import heartbeating, keep_details, kept_details


async def test_heartbeats_carry_what_the_step_has_kept_meanwhile() -> None:
    sent: list[tuple[Any, ...]] = []
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(seconds=0.3), heartbeat_details=["before"])
    environment.on_heartbeat = lambda *details: sent.append(details)

    async def step() -> None:
        async with heartbeating():
            await asyncio.sleep(0.05)
            keep_details("now")
            await asyncio.sleep(0.3)
            assert list(kept_details()) == ["now"]

    await environment.run(step)

    assert sent[0] == ("before",)
    assert sent[-1] == ("now",)
    assert len(sent) > 2
