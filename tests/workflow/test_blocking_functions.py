"""A coroutine function of an author that blocks its thread harms no step of anybody else, and is named."""

import asyncio
import logging
import time
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from perdure.flow import Agent
from perdure.testing import WorkflowRunner

BLOCKED = 4.0  # seconds


async def block() -> str:
    """Do what no coroutine should do."""
    time.sleep(BLOCKED)  # noqa: ASYNC251 (that is the fault)
    return activity.info().activity_type


async def be_quick() -> str:
    """Return at once."""
    return "quick"


@activity.defn
async def beat() -> int:
    """Heartbeat for longer than the other blocks, and return the attempt."""
    until = time.monotonic() + BLOCKED + 0.5
    while time.monotonic() < until:
        activity.heartbeat()
        await asyncio.sleep(0.1)
    return activity.info().attempt


@workflow.defn
class Beside:
    """Calls a function that blocks beside a step that heartbeats."""

    @workflow.run
    async def run(self) -> list[object]:
        clerk = Agent("clerk", functions=[block, be_quick])
        beating = workflow.start_activity(
            beat,
            start_to_close_timeout=timedelta(seconds=30),
            heartbeat_timeout=timedelta(seconds=1),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return [await clerk.tools.block(), await clerk.tools.be_quick(), await beating]


async def test_heartbeats_go_on_while_a_function_blocks_and_the_log_names_its_line(
    run_workflow: WorkflowRunner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        outcome = await run_workflow(Beside)

    assert outcome.result == ["call_function", "quick", 1]
    (warning,) = [it.getMessage() for it in caplog.records if "blocks the event loop of functions" in it.getMessage()]
    assert f"{__file__}:" in warning
    assert "(block)" in warning
