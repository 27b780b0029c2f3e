"""Programs call tools, functions, resources and prompts through an agent."""

from typing import Any

import pytest
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.flow import Agent
from perdure.testing import WorkflowRunner
from tests.support import greeter
from tests.support.greeter import Address, Person

ONCE = RetryPolicy(maximum_attempts=1)


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


@pytest.fixture(autouse=True)
def no_calls() -> None:
    greeter.calls.clear()


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
