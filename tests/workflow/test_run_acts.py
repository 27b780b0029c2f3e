"""Acts on runs: each takes effect once and is recorded once, wherever the orchestrator dies, and hits no other run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, MemoryKeyValue
from perdure.bus.views.start_ledger import StartLedger
from perdure.connections.executions import describe_execution
from perdure.contracts import EventReference, RunActed, RunOptions, SearchAttribute, StartWorkflow
from perdure.contracts.run_acts import RunAct, RunActRequest
from perdure.values.search_attribute import OWN_ATTRIBUTES
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_acts import RunActor
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_client import RunClient
from tests.support.acts import SETTINGS, Breaks, Waits, act, acting_client, begin, recorded, run_again
from tests.support.fuse import Fuse, Killed

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAST = {"cancel": "cancelled", "terminate": "terminated", "pause": "paused", "resume": "resumed", "retry": "retried"}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def client() -> AsyncIterator[Client]:
    async with acting_client() as client:
        yield client


async def settled(client: Client, run: str, what: RunAct) -> None:
    """Wait until a cancellation that Temporal has stored has ended its run."""
    history = (await client.get_workflow_handle(run).fetch_history()).events
    if what == "cancel" and any(it.HasField("workflow_execution_cancel_requested_event_attributes") for it in history):
        with suppress(WorkflowFailureError):
            await client.get_workflow_handle(run).result()


@pytest.mark.parametrize("what", ["cancel", "terminate", "pause", "resume", "retry"])
async def test_an_act_is_done_and_recorded_once_wherever_the_orchestrator_dies(client: Client, what: RunAct) -> None:
    died, sparks = True, 0
    while died:
        sparks += 1
        bus = MemoryBus()
        run = await begin(client, Breaks if what == "retry" else Waits)
        if what == "resume":
            await act(client, MemoryBus(), run, "pause")
        died = False
        try:
            await act(client, bus, run, what, fuse=Fuse(sparks))
        except Killed:
            died = True
        await settled(client, run, what)
        again = await act(client, bus, run, what)
        history = (await client.get_workflow_handle(run).fetch_history()).events
        resets = sum(bool(it.workflow_task_failed_event_attributes.base_run_id) for it in history)

        assert again.outcome in {"done", "already"}, (sparks, again)
        assert await recorded(bus, run) == [PAST[what]], sparks
        assert resets == (what == "retry")
    assert sparks > 3


async def test_an_act_does_nothing_twice_though_another_one_came_between(client: Client) -> None:
    bus, run = MemoryBus(), await begin(client, Breaks)
    first = await act(client, bus, run, "retry")
    with suppress(WorkflowFailureError):
        await client.get_workflow_handle(run).result()
    other = RunActed(act="signalled", id="other", workflow_id=run, by="ben", at=await bus.server_time())
    await bus.publish(other)
    again = await act(client, bus, run, "retry", seen=first.became)

    assert (again.outcome, again.became) == ("already", first.became)


async def test_retries_at_once_of_one_act_and_of_two_operators_reset_the_run_once(client: Client) -> None:
    bus, run = MemoryBus(), await begin(client, Breaks)
    seen = (await describe_execution(client, run)).run_id
    acts = ("mine", "mine", "mine", "other")
    replies = await asyncio.gather(*(act(client, bus, run, "retry", seen=seen, id_=it) for it in acts))
    runs = {it.became for it in replies if it.became}

    assert {it.outcome for it in replies} <= {"done", "already"}
    assert len(runs) == 1
    assert await recorded(bus, run) == ["retried"]
    assert (await describe_execution(client, run)).run_id in runs


async def test_who_saw_a_run_that_was_run_again_since_is_told_that_nothing_was_done(client: Client) -> None:
    run = await begin(client, Waits)
    seen = await describe_execution(client, run)
    await run_again(client, run)
    replies = {it: await act(client, MemoryBus(), run, it, seen=seen.run_id) for it in ("cancel", "terminate", "pause")}

    assert {it.outcome for it in replies.values()} == {"refused"}
    assert "was run again since" in replies["cancel"].detail
    assert (await describe_execution(client, run)).status == "RUNNING"


async def test_a_server_that_pauses_no_runs_is_named_with_what_to_do(real_server: WorkflowEnvironment) -> None:
    run = await real_server.client.start_workflow("Waits", 1, id=str(uuid4()), task_queue="nobody")
    bus = MemoryBus()
    reply = await act(real_server.client, bus, run.id, "pause")

    assert reply.outcome == "refused"
    assert "frontend.WorkflowPauseEnabled: true" in reply.detail
    assert await recorded(bus, run.id) == []


async def test_a_run_that_begins_anew_has_the_search_attributes_of_before(client: Client) -> None:
    given = {
        "CustomerId": SearchAttribute(type="keyword", value="ACME"),
        "Amount": SearchAttribute(type="double", value=900),
        "Count": SearchAttribute(type="int", value=3),
        "Urgent": SearchAttribute(type="bool", value=True),
        "PlacedAt": SearchAttribute(type="datetime", value="2026-11-30T12:00:00Z"),
        "Tags": SearchAttribute(type="keyword_list", value=("a", "b")),
    }
    start = StartWorkflow(
        route="orders",
        event=EventReference(id="e", type="order.placed", source="test", stream_sequence=7),
        workflow="Breaks",
        workflow_id=f"orders~{uuid4()}",
        digest="0" * 64,
        input=1,
        options=RunOptions(attributes=given),
        key="k",
    )
    attributes = RunAttributes(
        client, {**OWN_ATTRIBUTES, **{name: it.type for name, it in given.items()}}, may_register=True
    )
    await attributes.look()
    await RunClient(client, SETTINGS, attributes=attributes).start(start)
    with suppress(WorkflowFailureError):
        await client.get_workflow_handle(start.workflow_id).result()
    ledger = StartLedger(MemoryKeyValue())
    await ledger.claim(start)
    request = RunActRequest(id="mine", act="rerun", workflow_id=start.workflow_id, by="ann")
    reply = await RunActor(client, MemoryBus(), ledger, SETTINGS, RetryTurns(MemoryKeyValue(), "here")).act(request)

    assert reply.start is not None
    assert attributes.of(reply.start) == attributes.of(start)
    assert reply.start.options.attributes.keys() == given.keys()
