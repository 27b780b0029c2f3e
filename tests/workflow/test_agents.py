"""Agents in workflows, on Perdure's worker with a scripted model and an in-process MCP server."""

from datetime import timedelta
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel
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
from tests.support.greeter import Address, Person

ONCE = RetryPolicy(maximum_attempts=1)


class Mood(BaseModel):
    good: bool


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
class Calling:
    """Calls one tool."""

    @workflow.run
    async def run(self, tool: str, args: list[Any], kwargs: dict[str, Any]) -> str:
        functions: list[Any] = [greeter.now, greeter.describe, greeter.add_ten, greeter.refuse]
        clerk = Agent("clerk", server_names=["shop"], functions=functions, retry_policy=ONCE)
        answer: str = await getattr(clerk.tools, tool)(*args, **kwargs)
        return answer


@workflow.defn
class Typed:
    """Calls a function with values that are not JSON."""

    @workflow.run
    async def run(self) -> Any:
        clerk = Agent("clerk", functions=[greeter.describe])
        answer = await clerk.tools.call(
            "describe", {"person": Person(name="Ann", address=Address(street="Elm")), "loud": True}
        )
        return answer.structured


@workflow.defn
class Looking:
    """Lists and reads all that a server offers."""

    @workflow.run
    async def run(self) -> list[Any]:
        clerk = Agent("clerk", server_names=["shop"])
        tools = [tool["name"] for tool in await clerk.tools.list()]
        (resource,) = await clerk.resources.list()
        (content,) = await clerk.resources.read(resource["uri"])
        (prompt,) = await clerk.prompts.list()
        (message,) = await clerk.prompts.get("offer", item="hat")
        return [tools, content["text"], prompt["name"], message["content"]["text"]]


@workflow.defn
class Conversing:
    """Holds a long conversation."""

    @workflow.run
    async def run(self, turns: int) -> list[int]:
        async with Agent("writer") as writer:
            for turn in range(turns):
                await writer.llm.generate_str(f"{turn} " + "word " * 400)
        info = workflow.info()
        return [info.get_current_history_size(), info.get_current_history_length()]


@workflow.defn
class Fetching:
    """Reads a tool's large result in the program and with a model."""

    @workflow.run
    async def run(self) -> tuple[int, int, str]:
        async with Agent("reader", server_names=["shop"]) as reader:
            text = await reader.tools.fetch()
            answer = await reader.llm.generate_str("Read it")
        return workflow.info().get_current_history_size(), len(text), answer


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
class Patient:
    @workflow.run
    async def run(self) -> str:
        agent = Agent("clerk", retry_policy=RetryPolicy(initial_interval=timedelta(seconds=2), maximum_attempts=3))
        return await agent.llm.generate_str("Well?")


@workflow.defn
class Hasty:
    """Overrides its agent's retry policy for one request or one call."""

    @workflow.run
    async def run(self, what: str) -> str:
        agent = Agent("clerk", functions=[greeter.fail], retry_policy=RetryPolicy(maximum_attempts=3))
        if what == "request":
            return await agent.llm.generate_str("Well?", retry_policy=ONCE)
        return (await agent.tools.call("fail", retry_policy=ONCE)).text


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


@workflow.defn
class Judging:
    @workflow.run
    async def run(self) -> list[Any]:
        judge = Agent("judge")
        mood = await judge.llm.generate_structured("Good?", Mood)
        reply = await judge.llm.generate(Mood(good=True), shape=Mood)
        return [mood.good, reply.output.model_dump(), reply.usage.total.requests]


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
    assert set(model.offered) == {"now", "describe", "add", "refuse", "price", "buy", "steal", "count_stock"}
    assert sorted(greeter.calls[:2]) == ["describe Person Ann", "now"]  # at the same time
    assert greeter.calls[2:] == ["add 2 1"]
    assert outcome.steps[0] == "clerk: ask"
    assert sorted(outcome.steps[1:3]) == ["clerk: describe", "clerk: now"]


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (ToolUse("steal", {"item": "hat"}), "Error: Error executing tool steal: the hat is guarded"),
        (ToolUse("refuse"), "Error: not today"),
        (ToolUse("pirce", {"item": "hat"}), "did you mean price?"),
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


@pytest.mark.parametrize(
    ("tool", "args", "kwargs", "answer"),
    [
        ("price", ["hat"], {}, "1 hat cost 3"),
        ("price", ["hat", 2], {}, "2 hat cost 6"),
        ("price", [], {"item": "hat", "count": 3}, "3 hat cost 9"),
        ("now", [], {}, "noon"),
        ("add", [5], {}, "15"),
    ],
)
async def test_a_program_calls_tools_with_positional_or_named_arguments(
    run_workflow: WorkflowRunner, tool: str, args: list[Any], kwargs: dict[str, Any], answer: str
) -> None:
    outcome = await run_workflow(Calling, tool, args, kwargs, servers={"shop": greeter.shop()})

    assert outcome.result == answer


@pytest.mark.parametrize(
    ("tool", "kwargs", "error"),
    [
        ("steal", {"item": "hat"}, "The tool steal failed: Error executing tool steal: the hat is guarded"),
        ("refuse", {}, "The tool refuse failed: not today"),
        ("pirce", {}, "No tool is called pirce on shop: did you mean price?"),
        ("price", {"itme": "hat"}, "price has no parameter itme: did you mean item?"),
        ("price", {}, "price needs item"),
        ("describe", {"persn": {}}, "describe has no parameter persn: did you mean person?"),
    ],
)
async def test_a_call_that_cannot_succeed_fails_the_run_at_once(
    run_workflow: WorkflowRunner, tool: str, kwargs: dict[str, Any], error: str
) -> None:
    outcome = await run_workflow(Calling, tool, [], kwargs, servers={"shop": greeter.shop()})

    assert outcome.ending.kind == "failed"
    assert error in (outcome.error or "")


async def test_a_function_receives_values_of_its_own_types(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Typed)

    assert outcome.result == {"name": "ANN", "address": {"street": "Elm", "number": 1}}


async def test_resources_and_prompts_can_be_read(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Looking, servers={"shop": greeter.shop()})

    assert outcome.result == [["price", "buy", "steal", "count_stock"], "nine to five", "offer", "Offer a hat."]


async def test_a_tools_progress_becomes_a_note_of_its_step(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Calling, "count_stock", [], {}, servers={"shop": greeter.shop()})

    assert outcome.notes == ["half of the shelves (1 of 2)"]
    (note,) = [fact for fact in outcome.progress if fact.kind == "note"]
    (begun,) = [fact for fact in outcome.progress if fact.kind == "step_started"]
    assert (note.sequence, note.step, note.part) == (begun.sequence, begun.step, 1)


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


async def test_an_answer_has_the_requested_shape(run_workflow: WorkflowRunner) -> None:
    model = ScriptedModel([Mood(good=True), Mood(good=False)])

    outcome = await run_workflow(Judging, model=model)

    assert outcome.result == [True, {"good": False}, 1]
    assert model.prompts == ["Good?", '{"good":true}']


@pytest.mark.parametrize("wrong", [Person(name="Ann"), "It is good."])
async def test_an_answer_of_another_shape_is_requested_again(
    run_workflow: WorkflowRunner, wrong: BaseModel | str
) -> None:
    model = ScriptedModel([wrong, Mood(good=True), Mood(good=False)])

    outcome = await run_workflow(Judging, model=model)

    assert outcome.result == [True, {"good": False}, 1]
    assert "does not have the shape" in model.prompts[1]


async def test_a_model_that_never_answers_in_the_shape_fails_the_run_with_the_reason(
    run_workflow: WorkflowRunner,
) -> None:
    model = ScriptedModel([Person(name="Ann")] * 3)

    outcome = await run_workflow(Judging, model=model)

    assert outcome.ending.kind == "failed"
    assert "good: Field required" in (outcome.error or "")


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


async def test_the_retry_policy_of_an_agent_overrides_the_configuration(run_workflow: WorkflowRunner) -> None:
    failing = [ConnectionError("away"), ConnectionError("away"), ConnectionError("away"), "never answered"]
    settings = {"llm": {"retry": {"maximum_attempts": 1}}}

    outcome = await run_workflow(Patient, model=failing, settings=settings)

    assert max(fact.attempt for fact in outcome.progress) == 3
    assert outcome.ending.kind == "failed"


@pytest.mark.parametrize("what", ["request", "call"])
async def test_the_retry_policy_of_a_call_overrides_its_agents(run_workflow: WorkflowRunner, what: str) -> None:
    outcome = await run_workflow(Hasty, what, model=[ConnectionError("away"), "never answered"])

    assert outcome.ending.kind == "failed"
    assert [fact.attempt for fact in outcome.progress if fact.kind == "step_failed"] == [1]


async def test_an_author_may_have_tool_failures_raised_instead_of_returned_to_the_model(
    run_workflow: WorkflowRunner,
) -> None:
    model = ScriptedModel([ToolUse("steal", {"item": "hat"}), "wait"])

    outcome = await run_workflow(Strict, model=model, servers={"shop": greeter.shop()})

    assert outcome.result == ["The tool steal failed: Error executing tool steal: the hat is guarded", "wait"]
    assert model.prompts == ["Steal a hat", "What now?"]


@pytest.mark.parametrize(
    "settings",
    [{"llm": {"retry": {"maximum_attempts": 2}}}, {"agents": {"judge": {"retry": {"maximum_attempts": 2}}}}],
)
async def test_the_configuration_limits_the_attempts(run_workflow: WorkflowRunner, settings: dict[str, Any]) -> None:
    failing = [ConnectionError("away")] * 9

    outcome = await run_workflow(Judging, model=failing, settings=settings)

    assert max(fact.attempt for fact in outcome.progress) == 2
    assert outcome.ending.kind == "failed"


async def test_a_long_conversation_is_not_sent_whole_each_turn(run_workflow: WorkflowRunner) -> None:
    lengths: list[int] = []

    class Counting(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            lengths.append(len(messages))
            return await super()._respond(messages, info)

    cached = {"orchestrator": {"max_cached_runs": 1}}  # replaying 200 turns 200 times is slow
    outcome = await run_workflow(Conversing, 200, model=Counting(lambda prompt: prompt[:3]), settings=cached)

    size, _ = outcome.result
    assert lengths == list(range(1, 400, 2))  # each turn carries the whole conversation
    assert size < 200 * 16 * 1024  # bytes; sent as a whole it would be 200 * 200 * 2 KiB / 2


async def test_ten_megabytes_of_a_tool_reach_program_and_model_and_the_history_keeps_none_of_it(
    run_workflow: WorkflowRunner,
) -> None:
    server = MCPServer("shop")

    @server.tool()
    def fetch() -> str:
        """Fetch much."""
        return "much " * 2_000_000

    read: list[int] = []

    class Reading(ScriptedModel):
        async def _respond(self, messages: Any, info: Any) -> Any:
            read.append(sum(len(str(part.content)) for part in messages[-1].parts))
            return await super()._respond(messages, info)

    outcome = await run_workflow(Fetching, model=Reading([ToolUse("fetch"), "read"]), servers={"shop": server})

    size, length, answer = outcome.result
    assert (length, answer, read[-1]) == (10_000_000, "read", 10_000_000)
    assert size < 64 * 1024  # bytes


async def test_usage_is_counted_by_call_agent_and_run(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(Asking, "Go", model=[ToolUse("now"), "done"], servers={"shop": greeter.shop()})

    usage = outcome.ending.usage
    assert usage is not None
    assert (usage.total.requests, usage.tool_calls) == (2, 1)
    assert usage.agents == {"clerk": usage.total}
    calls = [fact.usage for fact in outcome.progress if fact.kind == "step_completed" and fact.usage]
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
