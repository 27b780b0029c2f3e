"""The operator's permissions and required approvals, for tools of servers and for functions."""

from typing import Any

import pytest
from temporalio import workflow

from perdure.contracts import ApprovalRequested
from perdure.flow import Agent
from perdure.testing import ScriptedModel, ToolUse, WorkflowRunner
from perdure_orchestrator.agents.in_process import InProcessServer
from tests.support import greeter

BUYING = ("buy", {"item": "hat"}, "buy hat")
ADDING = ("add", {"second": 5}, "add 10 5")
BOTH = pytest.mark.parametrize(("tool", "arguments", "executed"), [BUYING, ADDING])
FUNCTIONS: list[Any] = [greeter.add_ten, greeter.now]


@workflow.defn
class Asking:
    """Lets a model call tools."""

    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"], functions=FUNCTIONS) as clerk:
            return await clerk.llm.generate_str("Go")


@workflow.defn
class Calling:
    """Calls one tool."""

    @workflow.run
    async def run(self, tool: str, arguments: dict[str, Any]) -> str:
        clerk = Agent("clerk", server_names=["shop"], functions=FUNCTIONS)
        return (await clerk.tools.call(tool, arguments)).text


@workflow.defn
class Listing:
    """Lists the tools."""

    @workflow.run
    async def run(self) -> list[dict[str, Any]]:
        return await Agent("clerk", server_names=["shop"], functions=FUNCTIONS).tools.list()


@pytest.fixture(autouse=True)
def no_calls() -> None:
    greeter.calls.clear()


def operator(**settings: Any) -> dict[str, Any]:
    """Return a configuration with these settings of the agent."""
    return {"agents": {"clerk": settings}}


@pytest.mark.parametrize("tool", ["buy", "now"])
async def test_a_model_is_offered_and_may_use_only_what_the_operator_allows(
    run_workflow: WorkflowRunner, tool: str
) -> None:
    settings = operator(allow_tools=["p*", "buy", "a*"], deny_tools=["buy"])
    model = ScriptedModel([ToolUse(tool, unoffered=True), "well"])

    outcome = await run_workflow(Asking, model=model, servers={"shop": greeter.shop()}, settings=settings)

    assert outcome.result == "well"
    assert model.offered_tools == ["add", "price"]
    assert greeter.calls == []


@BOTH
async def test_a_program_may_use_only_what_the_operator_allows(
    run_workflow: WorkflowRunner, tool: str, arguments: dict[str, Any], executed: str
) -> None:
    outcome = await run_workflow(
        Calling, tool, arguments, servers={"shop": greeter.shop()}, settings=operator(deny_tools=["buy", "add"])
    )

    assert f"The agent clerk may not use {tool}" in (outcome.error or "")
    assert executed not in greeter.calls


async def test_only_allowed_tools_and_functions_are_listed(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(
        Listing, servers={"shop": greeter.shop()}, settings=operator(allow_tools=["add", "buy"])
    )

    add, buy = outcome.result
    assert (add["name"], list(add["inputSchema"]["properties"])) == ("add", ["second"])
    assert (buy["name"], buy["server"]) == ("buy", "shop")


@BOTH
@pytest.mark.parametrize("answer", ["approve", "reject"])
async def test_a_models_call_that_requires_approval_is_made_only_once_approved(
    run_workflow: WorkflowRunner, tool: str, arguments: dict[str, Any], executed: str, answer: Any
) -> None:
    outcome = await run_workflow(
        Asking,
        model=[ToolUse(tool, arguments), "well"],
        servers={"shop": greeter.shop()},
        settings=operator(requires_approval=["buy", "add"]),
        answers={f"May clerk call {tool}?": answer},
    )

    assert outcome.result == "well"
    assert greeter.calls == ([executed] if answer == "approve" else [])


@BOTH
async def test_a_rejected_call_of_a_program_fails_the_run_with_the_rejecting_approver(
    run_workflow: WorkflowRunner, tool: str, arguments: dict[str, Any], executed: str
) -> None:
    outcome = await run_workflow(
        Calling,
        tool,
        arguments,
        servers={"shop": greeter.shop()},
        settings=operator(requires_approval=["buy", "add"]),
        answers={"May": "reject"},
    )

    assert f"The call of {tool} was not approved: rejected (reviewer)" in (outcome.error or "")
    assert executed not in greeter.calls


async def test_a_server_may_declare_which_of_its_tools_require_approval(run_workflow: WorkflowRunner) -> None:
    server = InProcessServer(greeter.shop(), requires_approval=("b*",))

    outcome = await run_workflow(Calling, *BUYING[:2], servers={"shop": server}, answers={"May": "approve"})

    assert outcome.result == "bought hat"
    assert [fact.title for fact in outcome.messages if isinstance(fact, ApprovalRequested)] == ["May clerk call buy?"]


async def test_the_approver_of_a_function_sees_the_arguments_bound_by_its_partial(run_workflow: WorkflowRunner) -> None:
    outcome = await run_workflow(
        Calling,
        *ADDING[:2],
        servers={"shop": greeter.shop()},
        settings=operator(requires_approval=["add"]),
        answers={"May": "approve"},
    )

    (request,) = [fact for fact in outcome.messages if isinstance(fact, ApprovalRequested)]
    assert request.details == {"tool": "add", "arguments": {"second": 5}, "positional": [10]}


async def test_an_approved_call_is_one_of_the_server_that_the_approver_saw(run_workflow: WorkflowRunner) -> None:
    marked = InProcessServer(greeter.shop(), requires_approval=("b*",))

    outcome = await run_workflow(Calling, *BUYING[:2], servers={"shop": marked}, answers={"May": "approve"})

    (request,) = [fact for fact in outcome.messages if isinstance(fact, ApprovalRequested)]
    assert request.details == {"tool": "buy", "server": "shop", "arguments": {"item": "hat"}, "positional": []}
    assert outcome.result == "bought hat"
