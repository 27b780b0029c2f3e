"""A run that Temporal begins again, as a retry or by cron, knows nothing of the one before: a note names it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.contracts import Progress
from perdure.contracts.usage import RunUsage, Usage
from perdure.flow import Agent
from perdure.flow.messages import ModelResult
from perdure.flow.run import Run
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGAIN: dict[str, Any] = {
    "retry": {"retry_policy": RetryPolicy(initial_interval=timedelta(milliseconds=100), maximum_attempts=2)},
    "cron": {"cron_schedule": "@every 1s"},
}


@workflow.defn
class Beginning:
    """Asks a model, and changes its memo; the first attempt fails with a signal that nothing has taken."""

    @workflow.run
    async def run(self, fails: bool) -> list[Any]:
        before = [Run.current().usage.used.total.requests, workflow.memo_value("mine", "none")]
        workflow.upsert_memo({"mine": "changed"})
        await Agent("clerk").llm.generate_str("Hi")
        if fails and workflow.info().attempt == 1:
            raise ApplicationError("the bank was closed")
        return before


def is_end(fact: Progress) -> bool:
    return fact.kind == "completed" or str(fact.result).startswith("The run")


@pytest.mark.parametrize("how", AGAIN)
async def test_what_the_next_run_does_not_know_is_named_in_a_note(real_server: WorkflowEnvironment, how: str) -> None:
    async with open_scripted_worker(real_server, Beginning) as worker, asyncio.timeout(60):
        used = RunUsage(total=Usage(requests=1), tool_calls=2)
        worker.agents.model_results += [ModelResult(text="words", model="m", usage=used) for _ in range(9)]
        run = await real_server.client.start_workflow(
            "Beginning",
            how == "retry",
            id=f"Beginning-{how}",
            task_queue=worker.queue,
            start_signal="page",
            **AGAIN[how],
        )
        while len(ends := [fact for fact in worker.progress if is_end(fact)]) < 2:
            await asyncio.sleep(0.05)
        history = await real_server.client.get_workflow_handle(run.id, run_id=ends[1].run_id).fetch_history()
        if how == "cron":
            await real_server.client.get_workflow_handle(run.id).terminate()

    kind = "failed (the bank was closed" if how == "retry" else "completed"
    assert str(ends[0].result).startswith(f"The run {kind}")
    assert str(ends[0].result).endswith(
        "and Temporal begins it again, without its usage so far (1 model request, 2 tool calls): limits count anew, "
        "without the signals that nothing has taken: page"
    )
    [result] = history.events[-1].workflow_execution_completed_event_attributes.result.payloads
    assert result.data == b'[0,"none"]'
