"""What authors do in their tests: votes with roles and comments, queries and updates, replays in one line."""

from datetime import timedelta
from pathlib import Path

import pytest
from mcp.server.mcpserver import MCPServer
from temporalio import activity, workflow

from perdure.flow import Agent, Policy, approval
from perdure.testing import Review, ToolUse, WorkflowRunner, replay
from tests.support import changed_basket


@activity.defn
async def fetch(what: str) -> str:
    return what.upper()


@workflow.defn
class Paying:
    """Pays once the finance department and somebody else agree."""

    def __init__(self) -> None:
        self._euro = 0

    @workflow.run
    async def run(self) -> list[str]:
        policy = Policy(quorum=2, role_quorums={"finance": 1})
        decision = await approval(f"Pay {self._euro} euro?", policy=policy)
        return [f"{vote.approver}: {vote.comment}" for vote in getattr(decision, "votes", ())]


@workflow.defn
class Basket:
    """Collects items until it is sent."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._sent = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self._sent)
        return self._items

    @workflow.update
    async def add(self, item: str) -> int:
        self._items.append(await workflow.execute_activity(fetch, item, start_to_close_timeout=timedelta(minutes=1)))
        return len(self._items)

    @workflow.query
    def items(self) -> list[str]:
        return self._items

    @workflow.signal
    def send(self) -> None:
        self._sent = True


@workflow.defn
class Buying:
    @workflow.run
    async def run(self) -> str:
        async with Agent("clerk", server_names=["shop"]) as clerk:
            return await clerk.llm.generate_str("Buy a hat.")


async def test_votes_have_names_roles_and_comments(run_workflow: WorkflowRunner) -> None:
    votes = [
        Review("approve", by="ann", roles=("finance",), comment="in budget"),
        Review("approve", by="bob", roles=("finance", "sales")),
    ]

    outcome = await run_workflow(Paying, answers={"Pay 0 euro?": votes})

    assert outcome.result == ["ann: in budget", "bob: "]


async def test_votes_that_are_not_enough_are_listed(run_workflow: WorkflowRunner) -> None:
    votes = [Review("approve", by="ann", roles=("finance",)), Review("approve", by="bob", roles=())]

    with pytest.raises(
        AssertionError, match=r'"Pay 0 euro\?"; the vote of ann counts; the vote of bob does not count: bob may'
    ):
        await run_workflow(Paying, answers={"Pay": votes}, stalled_after=timedelta(seconds=1))


async def test_answers_to_no_request_are_named_beside_the_request_without_one(run_workflow: WorkflowRunner) -> None:
    with pytest.raises(AssertionError, match=r'"Pay 0 euro\?": decide it by .* \(no request begins with "Pai"\)'):
        await run_workflow(Paying, answers={"Pai": "approve"}, stalled_after=timedelta(seconds=1))


async def test_a_test_asks_queries_and_updates(run_workflow: WorkflowRunner) -> None:
    async with run_workflow.start(Basket) as run:
        assert await run.update("add", "hat") == 1
        assert await run.query("items") == ["HAT"]
        await run.signal("send")
        outcome = await run.outcome()

    assert outcome.result == ["HAT"]


async def test_a_history_replays_in_one_line_and_changed_code_does_not(
    run_workflow: WorkflowRunner, tmp_path: Path
) -> None:
    async with run_workflow.start(Basket, workflow_id="Basket~1") as run:
        await run.update("add", "hat")
        await run.signal("send")
        await run.outcome()
        history = await run.history()
    file = tmp_path / "Basket~1.json"
    file.write_text(history.to_json())

    await replay(file, Basket)
    await replay(history, Basket, Paying)
    with pytest.raises(AssertionError, match=r"Basket~1 does not replay: .*workflow\.patched"):
        await replay(file, changed_basket.ChangedBasket)
    with pytest.raises(AssertionError, match="Basket~1 is a run of Basket; there are: Paying"):
        await replay(file, Paying)


async def test_a_script_that_runs_dry_names_the_tool_whose_result_it_leaves_unanswered(
    run_workflow: WorkflowRunner,
) -> None:
    shop = MCPServer("shop")
    shop.tool()(price)

    with pytest.raises(AssertionError, match=r"no reply left \(1 used\) for the result of the tool price: 3 euro"):
        await run_workflow(Buying, model=[ToolUse("price", {"item": "hat"})], servers={"shop": shop})


def price(item: str) -> str:
    """Give a price."""
    return f"3 euro for a {item}"
