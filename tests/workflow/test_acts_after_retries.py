"""Acts on runs that were tried again: they mean what the operator saw, wait for nobody who died, and ask in doubt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.connections.executions import describe_execution
from perdure.errors import Unavailable
from perdure.flow.messages import CALL_TOOL
from perdure_orchestrator.retry_turns import RetryTurns
from tests.support.acts import act, acting_client, begin, recorded, run_again

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOON = timedelta(seconds=1)
ONCE = RetryPolicy(maximum_attempts=1)


@workflow.defn
class Continues:
    """Continues as new once, and waits then."""

    def __init__(self) -> None:
        self._goes = False

    @workflow.run
    async def run(self, left: int) -> None:
        await workflow.wait_condition(lambda: self._goes and left > 0)
        workflow.continue_as_new(left - 1)

    @workflow.signal
    def go(self) -> None:
        self._goes = True


@workflow.defn
class Buys:
    """Calls a tool that may take effect without an answer."""

    @workflow.run
    async def run(self, _: int) -> str:
        return str(await workflow.execute_activity(CALL_TOOL, start_to_close_timeout=SOON, retry_policy=ONCE))


BOUGHT: list[str] = []


@activity.defn(name=CALL_TOOL)
async def buy() -> str:
    BOUGHT.append(activity.info().activity_id)
    if len(BOUGHT) == 1:
        await asyncio.sleep(60)
    return "bought"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def client() -> AsyncIterator[Client]:
    async with acting_client(Continues, Buys, activities=[buy]) as client:
        yield client


async def test_who_saw_the_beginning_of_a_chain_means_its_end_unless_that_was_tried_again_since(
    client: Client,
) -> None:
    run = await begin(client, Continues)
    seen = (await describe_execution(client, run)).run_id
    await client.get_workflow_handle(run).signal("go")
    async with asyncio.timeout(30):
        while (await describe_execution(client, run)).run_id == seen or await length(client, run) < 4:
            await asyncio.sleep(0.02)
    paused = await act(client, MemoryBus(), run, "pause", seen=seen)
    await act(client, MemoryBus(), run, "resume", seen=seen)
    await run_again(client, run)
    cancelled = await act(client, MemoryBus(), run, "cancel", seen=seen)

    assert paused.outcome == "done"
    assert (cancelled.outcome, "run again since" in cancelled.detail) == ("refused", True)
    assert (await describe_execution(client, run)).status == "RUNNING"


async def length(client: Client, run: str) -> int:
    return (await client.get_workflow_handle(run).describe()).history_length


async def test_a_retry_in_which_a_process_died_holds_up_only_other_processes() -> None:
    entries = MemoryKeyValue()
    died, died_again = (RetryTurns(entries, "bridge-1").of("run") for _ in range(2))
    await died.__aenter__()

    async with asyncio.timeout(1), RetryTurns(entries, "bridge-1").of("run"):
        pass
    await died_again.__aenter__()
    with pytest.raises(Unavailable, match="ask again"):
        async with RetryTurns(entries, "bridge-2").of("run"):
            raise AssertionError("it belongs to another process")


async def test_a_tool_call_whose_outcome_is_unknown_is_put_to_a_person_who_may_force_it(client: Client) -> None:
    run, bus = await begin(client, Buys, fails=True), MemoryBus()
    asked = await act(client, bus, run, "retry")
    forced = await act(client, bus, run, "retry", force=True)

    assert asked.outcome == "refused"
    assert "Nobody knows whether its tool call took effect" in asked.detail
    assert forced.outcome == "done"
    assert await client.get_workflow_handle(run).result() == "bought"
    assert len(BOUGHT) == 2
    assert len(set(BOUGHT)) == 1, "the id of the step makes the idempotency key"
    assert await recorded(bus, run) == ["retried"]
