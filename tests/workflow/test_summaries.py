"""What Temporal's own page shows of steps and timers: one line each, as long as Temporal takes it."""

from collections.abc import Iterable
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.testing import WorkflowEnvironment

from perdure.flow import approval
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "a long line\n" * 100


@activity.defn
async def fetch(number: int) -> int:
    return number


@workflow.defn
class Fetching:
    @workflow.run
    async def run(self) -> str:
        soon = timedelta(seconds=5)
        await workflow.execute_activity(fetch, 1, start_to_close_timeout=soon, summary="fetch the first")
        await workflow.execute_activity(fetch, 2, start_to_close_timeout=soon, summary=LONG)
        await workflow.execute_local_activity(fetch, 3, start_to_close_timeout=soon, summary=LONG)
        answer = await approval("Publish it?", timeout=timedelta(seconds=1))
        return answer.outcome


async def test_steps_and_timers_have_a_line_that_temporal_takes(real_server: WorkflowEnvironment) -> None:
    client = real_server.client
    async with open_scripted_worker(real_server, Fetching, activities=[fetch]) as worker:
        outcome = await client.execute_workflow(
            Fetching.run, id="fetching", task_queue=worker.queue, execution_timeout=timedelta(seconds=60)
        )
        history = await client.get_workflow_handle("fetching").fetch_history()
        steps = [fact.step for fact in worker.progress if fact.kind == "step_started"]

    assert outcome == "expired"
    shown = list(summaries(history.events))
    assert shown[0] == "fetch the first"
    assert shown[1] == shown[2] == LONG.replace("\n", " ")[:180]
    assert shown[3] == "approval Publish it?: expires"
    assert steps[:2] == ["fetch the first", LONG], "facts keep the whole name"


def summaries(events: Iterable[HistoryEvent]) -> Iterable[str]:
    for event in events:
        if event.user_metadata.HasField("summary"):
            yield DataConverter.default.payload_converter.from_payload(event.user_metadata.summary, str)
