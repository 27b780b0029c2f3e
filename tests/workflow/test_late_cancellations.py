"""A cancellation that a run hears together with something else is not lost."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, is_cancelled_exception
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.flow import Saga, approval
from perdure.testing import ScriptedModel
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.worker import run_worker
from tests.support.scripted_worker import open_scripted_worker

_ENDED: Final = "activity_task_completed_event_attributes"

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Regretted:
    """Has a step that somebody else takes, and is done long after it."""

    def __init__(self) -> None:
        self._work: asyncio.Task[str] | None = None

    @workflow.run
    async def run(self, where: str) -> str:
        self._work = asyncio.create_task(self._pay(where))
        try:
            return await self._work
        except asyncio.CancelledError:
            return "cancelled"

    async def _pay(self, where: str) -> str:
        await workflow.execute_activity("pay", task_queue=where, start_to_close_timeout=timedelta(hours=1))
        await workflow.sleep(timedelta(hours=1))
        return "paid"

    @workflow.signal
    def cancel(self) -> None:
        assert self._work is not None
        self._work.cancel()


async def test_a_signal_that_cancels_is_heard_though_the_step_has_just_ended(environment: WorkflowEnvironment) -> None:
    ours, theirs = uuid4().hex, uuid4().hex
    asked, pays, paid = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @activity.defn
    async def pay() -> None:
        asked.set()
        await pays.wait()
        paid.set()

    settings = Settings.model_validate({"temporal": {"task_queue": ours}, "orchestrator": {"max_cached_runs": 0}})
    registry, backends = Registry({"Regretted": Regretted}, ()), AgentBackends(ScriptedModel(()), {})
    plugin = PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects(), backends=backends)
    configuration = environment.client.config()
    configuration["plugins"] = [plugin]
    client = Client(**configuration)
    async with Worker(environment.client, task_queue=theirs, activities=[pay]):
        async with run_worker(client, registry, settings):
            run = await client.start_workflow(Regretted.run, theirs, id=uuid4().hex, task_queue=ours)
            await asked.wait()
        pays.set()
        await paid.wait()
        await run.signal(Regretted.cancel)  # nobody is there to hear either
        async with asyncio.timeout(30):
            while not any(it.HasField(_ENDED) for it in (await run.fetch_history()).events):
                await asyncio.sleep(0.05)
        async with run_worker(client, registry, settings):
            assert await run.result() == "cancelled"


@workflow.defn
class Stopped:
    """Is stopped by one who waits for a condition, and asks before it pays."""

    def __init__(self) -> None:
        self._stops = False

    @workflow.run
    async def run(self) -> str:
        work = asyncio.create_task(self._pay())
        stopping = asyncio.create_task(self._stop(work))
        try:
            return await work
        except asyncio.CancelledError:
            await stopping
            return "stopped"

    async def _stop(self, work: "asyncio.Task[str]") -> None:
        await workflow.wait_condition(lambda: self._stops)
        work.cancel()

    async def _pay(self) -> str:
        await approval("Pay?", timeout=timedelta(days=1))
        return "paid"

    @workflow.signal
    def stop(self) -> None:
        self._stops = True


async def test_who_is_stopped_as_they_are_answered_does_not_go_on(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Stopped) as stage:
        run = await stage.start("Stopped")
        asked = await stage.asked()
        await asyncio.sleep(0.5)
    await run.signal("stop")
    await stage.decide(run, digest=asked.digest)
    async with open_scripted_worker(environment, Stopped, queue=stage.queue, bus=stage.bus):
        assert await run.result() == "stopped"


@workflow.defn
class GoesOn:
    """Undoes what it did, and then asks what else to do."""

    @workflow.run
    async def run(self) -> None:
        try:
            async with Saga() as saga:
                await saga.run("pay", undo="refund", undo_args=())
                self._fail()
        except ApplicationError:
            await approval("What now?")

    def _fail(self) -> None:
        raise ApplicationError("no", non_retryable=True)


async def test_who_is_cancelled_while_they_undo_hears_of_it_afterwards(environment: WorkflowEnvironment) -> None:
    undoing, undone = asyncio.Event(), asyncio.Event()

    @activity.defn
    async def pay() -> None: ...

    @activity.defn
    async def refund() -> None:
        undoing.set()
        await undone.wait()

    async with open_scripted_worker(environment, GoesOn, activities=[pay, refund]) as stage:
        run = await stage.start("GoesOn")
        await undoing.wait()
        await run.cancel()
        await asyncio.sleep(1)
        undone.set()
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()

    assert is_cancelled_exception(failed.value.cause)
