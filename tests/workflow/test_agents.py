"""Agents in workflows, on Perdure's worker with a scripted model and an in-process MCP server."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import FunctionModel
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from perdure.contracts import RunUsage
from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner
from tests.support import greeter

ONCE = RetryPolicy(maximum_attempts=1)


@workflow.defn
class Asking:
    """Calls the model of an agent with a server and functions."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        async with Agent(
            "clerk",
            server_names=["shop"],
            functions=[greeter.now, greeter.describe, greeter.add, greeter.refuse],
            retry_policy=ONCE,
        ) as clerk:
            return await clerk.llm.generate_str(prompt)


@workflow.defn
class Misspelt:
    @workflow.run
    async def run(self) -> str:
        return Agent("clerk", instructon="Be brief.").name  # type: ignore[call-arg]


@workflow.defn
class Unconfigured:
    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shpo"]):
            return "opened"


@workflow.defn
class Strict:
    """Raises the failure of a tool instead of returning it to the model, and then prompts the model again."""

    @workflow.run
    async def run(self) -> list[str]:
        async with Agent("clerk", server_names=["shop"], tool_errors="raise") as clerk:
            try:
                await clerk.llm.generate_str("Steal a hat")
            except ApplicationError as error:
                return [error.message, await clerk.llm.generate_str("What now?")]
        return []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    greeter.calls.clear()


async def test_a_model_uses_functions_and_tools_alike_each_as_a_step(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel(
        [
            [ToolUse("now"), ToolUse("describe", {"person": {"name": "Ann", "address": {"street": "Elm"}}})],
            [ToolUse("price", {"item": "hat"}), ToolUse("add", {"first": "2"})],
            "done",
        ]
    )

    outcome = await run_workflow(Asking, "Go", model=model, servers={"shop": greeter.shop()})

    assert outcome.result == "done"
    assert set(model.offered_tools) == {"now", "describe", "add", "refuse", "price", "buy", "steal", "count_stock"}
    assert sorted(greeter.calls[:2]) == ["describe Person Ann", "now"]  # at the same time
    assert greeter.calls[2:] == ["add 2 1"]
    assert outcome.steps[0] == "clerk: ask"
    assert sorted(outcome.steps[1:3]) == ["clerk: describe", "clerk: now"]


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (ToolUse("steal", {"item": "hat"}), "Error: Error executing tool steal: the hat is guarded"),
        (ToolUse("refuse"), "Error: not today"),
        (ToolUse("pirce", {"item": "hat"}, unoffered=True), "did you mean price?"),
        (ToolUse("price", {"itme": "hat"}), "price has no parameter itme: did you mean item?"),
        (ToolUse("price"), "price needs item"),
        (ToolUse("add", {"fist": 1}), "add has no parameter fist: did you mean first?"),
        (ToolUse("add", {"first": "x"}), "Input should be a valid integer"),
    ],
)
async def test_a_model_receives_the_error_of_its_tool_call(
    run_workflow: WorkflowRunner, use: ToolUse, error: str
) -> None:
    received: list[str] = []

    class Recording(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            received.extend(str(part.content) for part in messages[-1].parts)
            return await super()._respond(messages, info)

    outcome = await run_workflow(Asking, "Go", model=Recording([use, "sorry"]), servers={"shop": greeter.shop()})

    assert outcome.result == "sorry"
    assert error in received[-1]


async def test_a_note_belongs_to_the_calling_step_and_not_to_the_step_that_opened_the_session(
    run_workflow: WorkflowRunner,
) -> None:
    model = ScriptedModel([ToolUse("count_stock", {}), "done"])

    outcome = await run_workflow(Asking, "Go", model=model, servers={"shop": greeter.shop()})

    (note,) = [fact for fact in outcome.progress if fact.kind == "note"]
    assert (outcome.steps[0], note.step) == ("clerk: ask", "clerk: count_stock")


@pytest.mark.parametrize(
    ("workflow_class", "error"),
    [
        (Misspelt, "An agent has no option instructon: did you mean instruction?"),
        (Unconfigured, "No MCP server is called shpo: did you mean shop?"),
    ],
)
async def test_an_unknown_name_fails_the_run_with_the_nearest_known_one(
    run_workflow: WorkflowRunner, workflow_class: type, error: str
) -> None:
    outcome = await run_workflow(workflow_class, servers={"shop": greeter.shop()})

    assert error in (outcome.error or "")


async def test_a_call_whose_arguments_are_not_json_is_not_made_and_the_model_receives_the_error(
    run_workflow: WorkflowRunner,
) -> None:
    class Garbled(ScriptedModel):
        async def _respond(self, messages: Any, *_: Any) -> Any:
            if len(messages) == 1:
                return ModelResponse([ToolCallPart("now", '{"zone": "Os')])
            return ModelResponse([TextPart(str(messages[-1].parts[0].content))])

    outcome = await run_workflow(Asking, "Go", model=Garbled(), servers={"shop": greeter.shop()})

    assert outcome.result == "Error: now was called with arguments that are not a JSON object"
    assert greeter.calls == []


async def test_an_author_may_have_tool_failures_raised_instead_of_returned_to_the_model(
    run_workflow: WorkflowRunner,
) -> None:
    model = ScriptedModel([ToolUse("steal", {"item": "hat"}), "wait"])

    outcome = await run_workflow(Strict, model=model, servers={"shop": greeter.shop()})

    assert outcome.result == ["The tool steal failed: Error executing tool steal: the hat is guarded", "wait"]
    assert model.prompts == ["Steal a hat", "What now?"]


async def test_usage_is_counted_by_call_agent_and_run(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Asking, "Go", model=[ToolUse("now"), "done"], servers={"shop": greeter.shop()})

    usage = outcome.ending.usage
    assert usage is not None
    assert (usage.total.requests, usage.tool_calls) == (2, 1)
    assert usage.agents == {"clerk": usage.total}
    calls = [fact.usage for fact in outcome.progress if fact.step and fact.usage]
    assert usage.total.tokens > 0
    assert sum(calls, RunUsage()) == usage


@pytest.mark.parametrize(
    ("limits", "limit"),
    [
        ({"requests": 1}, "limits.requests"),
        ({"tokens": 1}, "limits.tokens"),
        ({"cost_usd": "0.00001"}, "limits.cost_usd"),
        ({"wall_time": "0s"}, "limits.wall_time"),
    ],
)
async def test_a_run_ends_at_the_operators_limits(
    run_workflow: WorkflowRunner, limits: dict[str, Any], limit: str
) -> None:
    class Priced(ScriptedModel):
        def named(self, name: str | None) -> Model:  # noqa: ARG002 (always the same model, one that has a price)
            return FunctionModel(self._respond, model_name="gpt-4o")

    model = Priced([ToolUse("now"), "done"])

    outcome = await run_workflow(
        Asking, "Go", model=model, servers={"shop": greeter.shop()}, settings={"limits": limits}
    )

    assert outcome.ending.kind == "failed"
    assert limit in (outcome.error or "")
