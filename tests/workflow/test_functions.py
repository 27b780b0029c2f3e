"""Python functions as tools: they take all kinds of arguments, run as steps, and return JSON."""

from typing import Any

import pytest
from temporalio import workflow

from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner
from tests.support import greeter

FUNCTIONS: list[Any] = [greeter.add_ten, greeter.add_to_two, greeter.total, greeter.greet, greeter.open_door]


@workflow.defn
class Calling:
    """Calls one function."""

    @workflow.run
    async def run(self, tool: str, positional: list[Any], arguments: dict[str, Any]) -> str:
        clerk = Agent("clerk", functions=FUNCTIONS)
        answer: str = await getattr(clerk.tools, tool)(*positional, **arguments)
        return answer


@workflow.defn
class Asking:
    """Lets a model call functions."""

    @workflow.run
    async def run(self) -> str:
        return await Agent("clerk", functions=FUNCTIONS).llm.generate_str("Go")


@pytest.fixture(autouse=True)
def no_calls() -> None:
    greeter.calls.clear()


@pytest.mark.parametrize(
    ("tool", "positional", "arguments", "answer"),
    [
        ("add", [], {"second": 5}, "15"),
        ("add", [5], {}, "15"),
        ("add_to_two", [], {"first": 5}, "7"),
        ("total", [1, 2], {}, "3"),
        ("total", [3], {"x": 1, "y": 2}, "6"),
        ("greet", [], {}, "Hello, you!"),
        ("greet", [], {"name": None}, "Hello, you!"),
        ("greet", ["Ann"], {}, "Hello, Ann!"),
    ],
)
async def test_a_program_calls_functions_with_all_kinds_of_arguments(
    run_workflow: WorkflowRunner, tool: str, positional: list[Any], arguments: dict[str, Any], answer: str
) -> None:
    outcome = await run_workflow(Calling, tool, positional, arguments)

    assert outcome.result == answer


@pytest.mark.parametrize(
    ("use", "executed"),
    [
        (ToolUse("add", {"second": 5}), ["add 10 5"]),
        (ToolUse("add_to_two", {"first": 5}), ["add 5 2"]),
        (ToolUse("add_to_two", {"first": 5, "second": 9}), []),  # a model cannot set what the author bound
    ],
)
async def test_a_model_sets_only_the_arguments_that_a_partial_left_open(
    run_workflow: WorkflowRunner, use: ToolUse, executed: list[str]
) -> None:
    model = ScriptedModel([use, "done"])

    outcome = await run_workflow(Asking, model=model)

    assert outcome.result == "done"
    assert model.offered_tools == ["add", "add_to_two", "total", "greet", "open_door"]
    assert greeter.calls == executed


@pytest.mark.parametrize(("started", "args"), [(Calling, ("open_door", [], {})), (Asking, ())])
async def test_a_function_whose_result_is_not_json_is_not_retried(
    run_workflow: WorkflowRunner, started: type, args: tuple[Any, ...]
) -> None:
    outcome = await run_workflow(started, *args, model=[ToolUse("open_door"), "well"])

    assert outcome.ending.kind == "failed"
    assert "open_door returned what cannot be written as JSON" in (outcome.error or "")
    assert greeter.calls == ["open_door"]
