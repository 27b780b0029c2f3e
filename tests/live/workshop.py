"""The workflows of a user, for tests: each step leaves a line in a file, so that executions can be counted."""

import asyncio
import os
from datetime import timedelta

from temporalio import activity, workflow

SOON = timedelta(seconds=4)


@activity.defn
async def work(step: int) -> int:
    with open(os.environ["WORKSHOP_LOG"], "a") as log:
        log.write(f"{activity.info().workflow_id} {step}\n")
    await asyncio.sleep(0.3)
    return step


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        for step in range(data["steps"]):
            await workflow.execute_activity(work, step, start_to_close_timeout=SOON)
        return data["steps"]


@activity.defn
async def note_down(step: int) -> int:
    with open(os.environ["WORKSHOP_LOG"], "a") as log:
        log.write(f"{activity.info().workflow_id} {step}\n")
    return step


@workflow.defn
class Quick:
    @workflow.run
    async def run(self, data: dict[str, int]) -> int:
        await workflow.execute_activity(note_down, 0, start_to_close_timeout=SOON)
        return await workflow.execute_local_activity(note_down, 1, start_to_close_timeout=SOON)
