"""What a step sends with its heartbeats reaches its next attempt, although Perdure heartbeats for the step, too."""

from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment

from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@activity.defn
async def copy() -> list[int]:
    if activity.info().attempt < 3:
        activity.heartbeat(*activity.info().heartbeat_details, activity.info().attempt)
        raise ValueError("again")
    return list(activity.info().heartbeat_details)


@workflow.defn
class Copying:
    @workflow.run
    async def run(self) -> list[int]:
        return await workflow.execute_activity(
            copy,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=50)),
        )


async def test_the_progress_of_an_attempt_is_known_to_the_next(real_server: WorkflowEnvironment) -> None:
    async with open_scripted_worker(real_server, Copying, activities=[copy]) as worker:
        assert await (await worker.start("Copying")).result() == [1, 2]
