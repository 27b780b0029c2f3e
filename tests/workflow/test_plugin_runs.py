"""Runs of a worker with the plugin that once failed, waited for ever or published what was not so."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.client import AsyncActivityHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.flow import WorkflowResult, note
from perdure.testing import WorkflowRunner
from tests.support.scripted_worker import open_scripted_worker

SOON = timedelta(seconds=20)


@workflow.defn
class Returning:
    """Returns what Temporal can carry, and JSON perhaps cannot."""

    @workflow.run
    async def run(self, what: str) -> Any:
        results = {
            "bytes": b"\xff\xfe",
            "text as bytes": b"hat",
            "message": WorkflowExecution(workflow_id="w", run_id="r"),
            "surrogate": "\ud800",
            "object": object(),
            "wrapped": WorkflowResult(value={"hat": 1}),
        }
        return results[what]


@workflow.defn
class Slotted:
    __slots__ = ("price",)

    def __init__(self) -> None:
        self.price = 3

    @workflow.run
    async def run(self) -> int:
        await note("a note")
        return self.price


class Desk:
    """Somebody else completes its activity."""

    def __init__(self) -> None:
        self.tokens: asyncio.Queue[bytes] = asyncio.Queue()

    @activity.defn
    async def decide(self) -> str:
        self.tokens.put_nowait(activity.info().task_token)
        activity.raise_complete_async()


@workflow.defn
class Later:
    @workflow.run
    async def run(self) -> str:
        decided: str = await workflow.execute_activity("decide", start_to_close_timeout=SOON, result_type=str)
        return decided


@pytest.mark.parametrize(
    ("what", "kind", "result", "error"),
    [
        ("bytes", "completed", None, "not JSON"),
        ("text as bytes", "completed", "hat", None),
        ("message", "completed", {"workflowId": "w", "runId": "r"}, None),
        ("wrapped", "completed", {"hat": 1}, None),
        ("surrogate", "failed", None, "surrogates not allowed"),
        ("object", "failed", None, "object"),
    ],
)
async def test_a_run_completes_with_whatever_temporal_can_return(
    run_workflow: WorkflowRunner, what: str, kind: str, result: Any, error: str | None
) -> None:
    ending = (await run_workflow(Returning, what)).ending

    assert (ending.kind, ending.result) == (kind, result)
    assert error in (ending.error or "") if error else ending.error is None


async def test_a_workflow_class_with_slots_runs(run_workflow: WorkflowRunner) -> None:
    assert (await run_workflow(Slotted)).result == 3


async def _complete(handle: AsyncActivityHandle) -> None:
    await handle.complete("yes")


async def _fail(handle: AsyncActivityHandle) -> None:
    await handle.fail(ApplicationError("no", non_retryable=True))


@pytest.mark.parametrize(("end", "kind", "error"), [(_complete, "step_completed", None), (_fail, "step_failed", "no")])
async def test_a_step_that_is_completed_later_has_one_end(
    environment: WorkflowEnvironment, end: Any, kind: str, error: str | None
) -> None:
    desk = Desk()
    async with open_scripted_worker(environment, Later, activities=[desk.decide]) as worker:
        run = await worker.start("Later")
        await end(environment.client.get_async_activity_handle(task_token=await desk.tokens.get()))
        await asyncio.wait([asyncio.create_task(run.result())])

    steps = [(fact.sequence, fact.kind, fact.error) for fact in worker.progress if fact.step == "decide"]
    assert steps == [(2, "step_started", None), (3, kind, error)]


async def test_a_tracer_provider_that_is_not_replay_safe_gets_no_spans_of_runs(
    run_workflow: WorkflowRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    await run_workflow(Slotted)

    assert not exporter.get_finished_spans()
