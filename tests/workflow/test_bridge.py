"""A command becomes one run, and a signal counts once, wherever the bridge dies."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import JsonValue
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryKeyValue, decode
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.contracts import StartWorkflow
from perdure.errors import InvalidMessage, Unavailable
from perdure.flow.bugs import CODE_MEMO, CODE_OF_TODAY
from perdure_orchestrator.run_client import RunClient
from tests.support.bridges import (
    Cart,
    Echo,
    former_start_command,
    new_bridge,
    signal_command,
    start_command,
    stored_message,
    unreachable,
)
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def endings(worker: ScriptedWorker, workflow_id: str) -> list[str]:
    await worker.ending(workflow_id)
    return [
        str(fact.result) for fact in worker.progress if fact.workflow_id == workflow_id and fact.kind == "completed"
    ]


async def test_wherever_the_bridge_dies_a_redelivered_command_starts_one_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        for number in itertools.count(1):
            entries, fuse = MemoryKeyValue(), Fuse(number)
            dying = new_bridge(worker, Fused(environment.client, fuse), Fused(entries, fuse))
            try:
                await dying.command(start_command(f"e{number}"))
            except Killed:
                await new_bridge(worker, environment.client, entries).command(start_command(f"e{number}"))
            await environment.client.get_workflow_handle(f"Echo~e{number}").result()

            assert await endings(worker, f"Echo~e{number}") == ["hello"]
            if fuse.left > 0:
                break
    assert number == 11, "two looks, a claim, a start and an entry, each with a spark before and after"


@pytest.mark.parametrize("unfit", [None, "text", ["hello"], {"word": 5}], ids=repr)
async def test_an_input_that_its_workflow_cannot_take_starts_no_run(
    environment: WorkflowEnvironment, unfit: JsonValue
) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        with pytest.raises(InvalidMessage, match="The workflow Echo cannot take this input") as refused:
            await bridge.command(start_command("unfit", input=unfit))
        with pytest.raises(RPCError):
            await environment.client.get_workflow_handle("Echo~unfit").describe()

    assert refused.value.reason == "bad_data"


async def test_a_started_run_is_not_started_again_even_after_temporal_has_deleted_it(
    environment: WorkflowEnvironment,
) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as worker:
        await new_bridge(worker, environment.client, entries).command(start_command("once"))
        await environment.client.get_workflow_handle("Echo~once").result()

        await new_bridge(worker, await unreachable(), entries).command(start_command("once"))


async def test_a_signal_waits_for_the_start_of_its_run_for_a_limited_time(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        with pytest.raises(Unavailable, match="has begun yet"):
            await bridge.signal(stored_message("signals.nobody.add"))
        with pytest.raises(InvalidMessage, match="never started, or it has ended"):
            await bridge.signal(stored_message("signals.nobody.add", age=timedelta(minutes=1)))


async def test_an_event_id_used_again_with_other_data_is_refused_with_the_reason(
    environment: WorkflowEnvironment,
) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Echo) as worker:
        bridge = new_bridge(worker, environment.client, entries)
        await bridge.command(start_command("twice"))

        with pytest.raises(InvalidMessage, match="used before, by EVENTS 1") as refused:
            await bridge.command(start_command("twice", word="goodbye"))

        await environment.client.get_workflow_handle("Echo~twice").result()
    assert refused.value.reason == "duplicate_id"
    assert await endings(worker, "Echo~twice") == ["hello"]


@pytest.mark.parametrize("is_open", [False, True])
async def test_a_run_of_temporal_is_not_taken_for_that_of_another_event_though_the_ledger_is_lost(
    environment: WorkflowEnvironment, *, is_open: bool
) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        await new_bridge(worker, environment.client, MemoryKeyValue()).command(start_command("lost"))
        if not is_open:
            await environment.client.get_workflow_handle("Echo~lost").result()
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())

        await bridge.command(start_command("lost"))
        with pytest.raises(InvalidMessage, match="used before, for the run Echo~lost") as refused:
            await new_bridge(worker, environment.client, MemoryKeyValue()).command(start_command("lost", word="bye"))
        await environment.client.get_workflow_handle("Echo~lost").result()
    assert refused.value.reason == "duplicate_id"
    assert await endings(worker, "Echo~lost") == ["hello"]


async def test_two_sources_that_meet_in_one_id_are_both_named_though_the_ledger_is_lost(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        await new_bridge(worker, environment.client, MemoryKeyValue()).command(start_command("met", source="/shop/a"))
        with pytest.raises(InvalidMessage, match="which is of the source /shop/a; this one is of /shop/b") as refused:
            await new_bridge(worker, environment.client, MemoryKeyValue()).command(
                start_command("met", source="/shop/b")
            )
        await environment.client.get_workflow_handle("Echo~met").result()
    assert refused.value.reason == "run_exists"


async def test_a_start_that_0_1_did_not_finish_goes_on_as_its_run(environment: WorkflowEnvironment) -> None:
    entries, former = MemoryKeyValue(), decode(former_start_command("old").raw)
    assert isinstance(former, StartWorkflow)
    async with open_scripted_worker(environment, Echo) as worker:
        await StartLedger(entries).claim(former)
        await RunClient(environment.client, TemporalSettings(task_queue=worker.queue)).start(former)

        for _ in range(2):
            await new_bridge(worker, environment.client, entries).command(start_command("old"))
        await environment.client.get_workflow_handle("Echo-old").result()
        with pytest.raises(RPCError):
            await environment.client.get_workflow_handle("Echo~old").describe()
    assert await endings(worker, "Echo-old") == ["hello"]


async def test_a_run_that_no_event_started_is_not_taken_for_that_of_one(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Echo) as worker:
        handle = await environment.client.start_workflow(
            "Echo", {"word": "by hand"}, id="Echo~hand", task_queue=worker.queue
        )
        await handle.result()
        with pytest.raises(InvalidMessage, match="was started by no event") as refused:
            await new_bridge(worker, environment.client, MemoryKeyValue()).command(start_command("hand"))
    assert refused.value.reason == "run_exists"


async def test_a_signal_starts_its_run_where_none_is_open_and_counts_once(environment: WorkflowEnvironment) -> None:
    entries = MemoryKeyValue()
    async with open_scripted_worker(environment, Cart) as worker:
        bridge = new_bridge(worker, environment.client, entries)
        for event_id, word in [("c1", "a"), ("c2", "b"), ("c1", "a"), ("c3", "all")]:
            await bridge.command(signal_command(event_id, word))
        run = environment.client.get_workflow_handle("cart")
        first = await run.result()
        await bridge.command(signal_command("c3", "all"))
        await bridge.command(signal_command("c4", "all"))
        second = await run.result()

    assert (first, second) == (["a", "b", "all"], ["all"])


@pytest.mark.parametrize("resend", [None, 1])
async def test_a_signal_that_ended_its_run_starts_no_other_run_if_the_bridge_dies_before_recording_it(
    environment: WorkflowEnvironment, resend: int | None
) -> None:
    async with open_scripted_worker(environment, Cart) as worker:
        for number in itertools.count(1):
            entries, fuse, cart = MemoryKeyValue(), Fuse(number), f"cart-{number}-{resend}"
            run, event = environment.client.get_workflow_handle(cart), signal_command(f"d{number}", "all", cart)
            try:
                await new_bridge(worker, Fused(environment.client, fuse), Fused(entries, fuse)).command(event)
            except Killed:
                before = await ended(environment, cart)
                again = signal_command(f"d{number}", "all", cart, resend)
                await new_bridge(worker, environment.client, entries).command(again)
                after = await ended(environment, cart)
                assert before in {None, after}
            assert await run.result() == ["all"]
            if fuse.left > 0:
                break
    assert number == 9, "a look, a claim, a signal and an entry, each with a spark before and after"


async def ended(environment: WorkflowEnvironment, cart: str) -> str | None:
    """Wait for the end of a run, if there is one, and return its run id."""
    run = environment.client.get_workflow_handle(cart)
    try:
        await run.result()
    except RPCError:
        return None
    return (await run.describe()).run_id


async def test_a_workflow_that_is_not_registered_yet_is_waited_for_while_new_code_may_take_over(
    environment: WorkflowEnvironment,
) -> None:
    command = start_command("early")
    async with open_scripted_worker(environment, Echo) as worker:
        older, newer = (
            new_bridge(worker, environment.client, MemoryKeyValue(), workflows=known)
            for known in ([Cart], [Cart, Echo])
        )
        with pytest.raises(Unavailable, match="No workflow is called Echo"):
            await older.command(command)
        with pytest.raises(InvalidMessage, match="No workflow is called Echo"):
            await older.command(replace(command, stored_at=command.stored_at - timedelta(minutes=1)))
        await newer.command(command)
        await environment.client.get_workflow_handle("Echo~early").result()


@pytest.mark.parametrize("signals", [False, True])
async def test_each_run_of_an_event_says_by_which_code_it_began(
    environment: WorkflowEnvironment, *, signals: bool
) -> None:
    async with open_scripted_worker(environment, Echo, Cart) as worker:
        bridge = new_bridge(worker, environment.client, MemoryKeyValue())
        await bridge.command(signal_command("dated", "all", "dated") if signals else start_command("dated"))
        run = environment.client.get_workflow_handle("dated" if signals else "Echo~dated")
        await run.result()

        assert await (await run.describe()).memo_value(CODE_MEMO, None) == CODE_OF_TODAY
