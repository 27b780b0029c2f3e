"""Updates and queries take JSON as signals do; what does not fit is refused with a sentence."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.client import (
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.flow import note
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Item(BaseModel):
    name: str
    count: int = 1


@activity.defn
async def price(item: str) -> str:
    return f"{item} costs 3"


@workflow.defn
class Cart:
    """Takes items until it is closed."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._is_closed = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.wait_condition(lambda: self._is_closed and workflow.all_handlers_finished())
        return self._items

    @workflow.update
    async def add(self, item: Item, comment: str = "") -> str:
        await note(f"adds {item.name}")
        cost: str = await workflow.execute_activity(price, item.name, start_to_close_timeout=timedelta(minutes=1))
        self._items.append(f"{item.count} {item.name}{comment}")
        return cost

    @add.validator
    def check(self, item: Item, comment: str = "") -> None:  # noqa: ARG002 (an update's validator takes what it takes)
        if item.count > 9:
            raise ApplicationError("nobody needs so many", non_retryable=True)

    @workflow.update
    def close(self) -> int:
        self._is_closed = True
        return len(self._items)

    @workflow.query
    def first(self, item: Item) -> str:
        return next((it for it in self._items if item.name in it), "none")


async def refusal(run: WorkflowHandle[Any, Any], name: str, *args: Any) -> str:
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await run.execute_update(name, args=args)
    return str(failed.value.cause)


async def test_an_update_with_start_begins_the_run_and_its_facts_are_numbered(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Cart, activities=[price]) as worker, asyncio.timeout(60):
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            "Cart", id="cart", task_queue=worker.queue, id_conflict_policy=WorkflowIDConflictPolicy.FAIL
        )
        cost = await environment.client.execute_update_with_start_workflow(
            "add", {"name": "hat"}, start_workflow_operation=start
        )
        run = await start.workflow_handle()
        closed = await run.execute_update("close")
        result = await run.result()

    assert (cost, closed, result) == ("hat costs 3", 1, ["1 hat"])
    assert worker.timeline == [
        (1, "started", None),
        (2, "note", None),
        (3, "step_started", "price"),
        (4, "step_completed", "price"),
        (5, "completed", None),
    ]


async def opened(worker: ScriptedWorker) -> WorkflowHandle[Any, Any]:
    return await worker.start("Cart")


async def test_one_object_fills_the_parameters_of_an_update_or_a_query(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Cart, activities=[price]) as worker, asyncio.timeout(60):
        run = await opened(worker)
        await run.execute_update("add", {"item": {"name": "hat", "count": 2}, "comment": ", red"})
        found = await run.query("first", {"name": "hat"})

    assert found == "2 hat, red"


async def test_an_update_that_does_not_fit_is_refused_with_a_sentence(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Cart, activities=[price]) as worker, asyncio.timeout(60):
        run = await opened(worker)
        unfit = await refusal(run, "add", {"count": 1})
        too_many = await refusal(run, "close", 1)
        unknown = await refusal(run, "ad", {"name": "hat"})
        invalid = await refusal(run, "add", {"name": "hat", "count": 10})
        history = await run.fetch_history()

    assert unfit.startswith("UnfitArguments: The update add does not fit: ")
    assert "name" in unfit
    assert too_many == "UnfitArguments: The update close does not fit: too many positional arguments"
    assert "'ad' expected but not found" in unknown
    assert invalid == "nobody needs so many"
    assert not any(it.HasField("workflow_execution_update_accepted_event_attributes") for it in history.events)


async def test_a_query_that_does_not_fit_fails_with_a_sentence(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Cart, activities=[price]) as worker, asyncio.timeout(60):
        run = await opened(worker)
        with pytest.raises(WorkflowQueryFailedError) as failed:
            await run.query("first")

    assert str(failed.value) == "The query first does not fit: missing a required argument: 'item'"
