"""Spans of agents follow OpenTelemetry's semantic conventions for generative AI."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import workflow
from temporalio.contrib.opentelemetry import create_tracer_provider

from perdure.flow import Agent
from perdure.testing import ToolUse, WorkflowRunner
from tests.support import greeter


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
    monkeypatch.setattr("perdure_orchestrator.interceptors.workflow_inbound._tracer", lambda: tracer)
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


def _gen_ai(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("gen_ai."): value for name, value in attributes.items() if name.startswith("gen_ai.")}
