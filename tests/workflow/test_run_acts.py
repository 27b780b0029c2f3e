"""Acts on runs: each takes effect once and is recorded once, wherever the orchestrator dies, and hits no other run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.bus import MemoryBus, MemoryKeyValue, decode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import describe_execution
from perdure.contracts import EventReference, RunActed, RunOptions, SearchAttribute, StartWorkflow, to_token
from perdure.contracts.run_acts import RunAct, RunActReply, RunActRequest
from perdure.errors import Unavailable
from perdure.values.search_attribute import OWN_ATTRIBUTES
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_acts import RunActor
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_client import RunClient
from tests.support.binaries import binary
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.pausing import ALLOWS_PAUSES

pytestmark = pytest.mark.asyncio(loop_scope="session")

TURNS = MemoryKeyValue()
SETTINGS = TemporalSettings(task_queue="acts")
PAST = {"cancel": "cancelled", "terminate": "terminated", "pause": "paused", "resume": "resumed", "retry": "retried"}


@workflow.defn
class Waits:
    @workflow.run
    async def run(self, _: int) -> None:
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Breaks:
    @workflow.run
    async def run(self, _: int) -> None:
        raise ApplicationError("the key is revoked", non_retryable=True)


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


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def client() -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=binary("temporal"),
        data_converter=pydantic_data_converter,
        dev_server_extra_args=list(ALLOWS_PAUSES),
        dev_server_log_level="error",
    ) as environment:
        runner = UnsandboxedWorkflowRunner()
        workflows = [Waits, Breaks, Continues]
        async with Worker(environment.client, task_queue="acts", workflows=workflows, workflow_runner=runner):
            yield environment.client


async def begin(client: Client, kind: type) -> str:
    """Begin a run that no route started; returns its id once its code has run, or it has ended."""
    run = await client.start_workflow(kind.__name__, 1, id=f"{kind.__name__}~{uuid4()}", task_queue="acts")
    if kind is Breaks:
        with suppress(WorkflowFailureError):
            await run.result()
    else:
        async with asyncio.timeout(30):
            while (await run.describe()).history_length < 4:
                await asyncio.sleep(0.02)
    return run.id


async def act(  # noqa: PLR0913 (the parts of an act)
    client: Client,
    bus: MemoryBus,
    run: str,
    what: RunAct,
    *,
    fuse: Fuse | None = None,
    seen: str | None = None,
    id_: str = "mine",
) -> RunActReply:
    ledger = StartLedger(MemoryKeyValue())
    turns = RetryTurns(TURNS, str(uuid4()))
    actor = RunActor(client, bus, ledger, SETTINGS, turns)
    if fuse is not None:
        actor = RunActor(Fused(client, fuse), Fused(bus, fuse), ledger, SETTINGS, turns)  # type: ignore[arg-type]
    return await actor.act(RunActRequest(id=id_, act=what, workflow_id=run, run_id=seen, reason="why", by="ann"))


async def recorded(bus: MemoryBus, run: str) -> list[str]:
    found = [decode(it.raw) async for it in bus.read(f"admin.run.{to_token(run)}")]
    return [it.act for it in found if isinstance(it, RunActed)]


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


async def run_again(client: Client, run: str) -> None:
    """End a run, and let it go on after its first task, as another operator may."""
    seen = await describe_execution(client, run)
    await client.get_workflow_handle(run).terminate()
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run, run_id=seen.run_id),
            workflow_task_finish_event_id=4,
            request_id=str(uuid4()),
        )
    )


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
    reply = await RunActor(client, MemoryBus(), ledger, SETTINGS, RetryTurns(TURNS, "here")).act(request)

    assert reply.start is not None
    assert attributes.of(reply.start) == attributes.of(start)
    assert reply.start.options.attributes.keys() == given.keys()
