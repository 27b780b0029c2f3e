"""A cancellation that arrives together with another event is not lost."""

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
    """Runs a step on another worker and sleeps after it."""

    def __init__(self) -> None:
        self._work: asyncio.Task[str] | None = None

    @workflow.run
    async def run(self, queue: str) -> str:
        self._work = asyncio.create_task(self._pay(queue))
        try:
            return await self._work
        except asyncio.CancelledError:
            return "cancelled"

    async def _pay(self, queue: str) -> str:
        await workflow.execute_activity("pay", task_queue=queue, start_to_close_timeout=timedelta(hours=1))
        await workflow.sleep(timedelta(hours=1))
        return "paid"

    @workflow.signal
    def cancel(self) -> None:
        assert self._work is not None
        self._work.cancel()


async def test_a_signal_that_cancels_counts_although_the_step_has_just_ended(environment: WorkflowEnvironment) -> None:
    queue, payment_queue = uuid4().hex, uuid4().hex
    requested, may_pay, paid = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @activity.defn
    async def pay() -> None:
        requested.set()
        await may_pay.wait()
        paid.set()

    settings = Settings.model_validate({"temporal": {"task_queue": queue}, "orchestrator": {"max_cached_runs": 0}})
    registry, backends = Registry({"Regretted": Regretted}, ()), AgentBackends(ScriptedModel(()), {})
    plugin = PerdurePlugin(settings, bus=MemoryBus(), objects=MemoryObjects(), backends=backends)
    configuration = environment.client.config()
    configuration["plugins"] = [plugin]
    client = Client(**configuration)
    async with Worker(environment.client, task_queue=payment_queue, activities=[pay]):
        async with run_worker(client, registry, settings):
            run = await client.start_workflow(Regretted.run, payment_queue, id=uuid4().hex, task_queue=queue)
            await requested.wait()
        may_pay.set()
        await paid.wait()
        await run.signal(Regretted.cancel)  # no worker runs to receive either event
        async with asyncio.timeout(30):
            while not any(it.HasField(_ENDED) for it in (await run.fetch_history()).events):
                await asyncio.sleep(0.05)
        async with run_worker(client, registry, settings):
            assert await run.result() == "cancelled"


@workflow.defn
class Stopped:
    """Requests an approval before it pays; a task that waits for a condition may stop it."""

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


async def test_a_stop_that_arrives_together_with_a_decision_stops_the_run(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Stopped) as worker:
        run = await worker.start("Stopped")
        request = await worker.approval_request()
        await asyncio.sleep(0.5)
    await run.signal("stop")
    await worker.decide(run, digest=request.digest)
    async with open_scripted_worker(environment, Stopped, queue=worker.queue, bus=worker.bus, approvers=worker.keys):
        assert await run.result() == "stopped"


@workflow.defn
class RequestsAfterUndo:
    """Undoes its step, and then requests an approval."""

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


async def test_a_cancellation_during_an_undo_takes_effect_after_it(environment: WorkflowEnvironment) -> None:
    undoing, undone = asyncio.Event(), asyncio.Event()

    @activity.defn
    async def pay() -> None: ...

    @activity.defn
    async def refund() -> None:
        undoing.set()
        await undone.wait()

    async with open_scripted_worker(environment, RequestsAfterUndo, activities=[pay, refund]) as worker:
        run = await worker.start("RequestsAfterUndo")
        await undoing.wait()
        await run.cancel()
        await asyncio.sleep(1)
        undone.set()
        with pytest.raises(WorkflowFailureError) as failed:
            await run.result()

    assert is_cancelled_exception(failed.value.cause)
