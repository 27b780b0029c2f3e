"""Spans of agents follow OpenTelemetry's semantic conventions for generative AI."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import workflow
from temporalio.contrib.opentelemetry import create_tracer_provider
from temporalio.testing import WorkflowEnvironment

from perdure.flow import Agent, note
from perdure.testing import ToolUse, WorkflowRunner
from tests.support import greeter
from tests.support.scripted_worker import open_scripted_worker


@workflow.defn
class Buying:
    """Lets a model call a tool, and calls one itself."""

    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"], functions=[greeter.now]) as clerk:
            answer = await clerk.llm.generate_str("When?")
            await clerk.tools.price(item="hat")
        return answer


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = create_tracer_provider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr("perdure_orchestrator.interceptors.activity_inbound._tracer", tracer)
    monkeypatch.setattr("perdure_orchestrator.interceptors.run_spans._tracer", lambda: tracer)
    return exporter


async def test_spans_have_attributes_of_agents_tools_and_usage(
    run_workflow: WorkflowRunner, spans: InMemorySpanExporter
) -> None:
    outcome = await run_workflow(Buying, model=[ToolUse("now"), "noon"], servers={"shop": greeter.shop()})

    attributes_by_span = {span.name: _gen_ai(span.attributes or {}) for span in spans.get_finished_spans()}
    usage = outcome.ending.usage
    assert usage is not None
    assert attributes_by_span["step clerk: ask"] == {"agent.name": "clerk"}
    tool = {"operation.name": "execute_tool", "agent.name": "clerk"}
    assert attributes_by_span["step clerk: price"] == {**tool, "tool.name": "price"}
    assert attributes_by_span["step clerk: now"].pop("tool.call.id")
    assert attributes_by_span["step clerk: now"] == {**tool, "tool.name": "now"}
    assert attributes_by_span["run Buying"] == {
        "usage.input_tokens": usage.total.input_tokens,
        "usage.output_tokens": usage.total.output_tokens,
    }


@workflow.defn
class Counting:
    def __init__(self) -> None:
        self._count = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self._count > 1)
        return self._count

    @workflow.update
    async def add(self, number: int) -> int:
        await note("adds")
        self._count += number
        return self._count

    @workflow.query
    def count(self) -> int:
        return self._count


@pytest.mark.asyncio(loop_scope="session")
async def test_updates_and_queries_have_spans_below_that_of_their_run(
    environment: WorkflowEnvironment, spans: InMemorySpanExporter
) -> None:
    async with open_scripted_worker(environment, Counting) as worker, asyncio.timeout(60):
        run = await worker.start("Counting")
        await run.execute_update("add", 1)
        counted = await run.query("count")
        await run.execute_update("add", 1)
        await run.result()

    by_name = {span.name: span for span in spans.get_finished_spans()}
    of_run = by_name["run Counting"].context
    parents = [by_name[name].parent for name in ("update add", "query count")]
    assert counted == 1
    assert [parent and (parent.trace_id, parent.span_id) for parent in parents] == [
        (of_run.trace_id, of_run.span_id)
    ] * 2
    assert [span.name for span in spans.get_finished_spans()].count("update add") == 2


def _gen_ai(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("gen_ai."): value for name, value in attributes.items() if name.startswith("gen_ai.")}
