"""Whoever is cancelled while they wait leaves no question open and no word unsaid; who is not, waits on."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import ApprovalDecided, ApprovalExpired, Message, Progress, Receipt
from perdure.flow import Saga, approval, note
from perdure.flow.run import Run
from tests.support.scripted_worker import open_scripted_worker

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(90)]

SOON = timedelta(minutes=1)
QUICK = timedelta(seconds=2)  # a workflow task that waits for the bus so long is given up, and tried again

done: list[str] = []
"""What steps did, oldest first; each test begins with nothing done."""


@pytest.fixture(autouse=True)
def nothing_is_done() -> None:
    done.clear()


@activity.defn
async def mark(what: str) -> None:
    done.append(what)


class Held:
    """Something that lasts until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def wait(self) -> None:
        self.reached.set()
        await self.let_go.wait()

    @activity.defn(name="hold")
    async def hold(self) -> None:
        await self.wait()


class HeldBus(MemoryBus):
    """A bus that is slow in one respect."""

    def __init__(self, held: Held, *, word: str | None = None) -> None:
        super().__init__()
        self._held, self._word = held, word

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.kind == self._word:
            await self._held.wait()
        return await super().publish(message)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        if self._word is None:
            await self._held.wait()
        await super().wait_until_consumed(service, stream)


def facts(bus: MemoryBus) -> list[tuple[int, str, Any]]:
    return sorted((it.sequence, it.kind, it.result) for it in bus.published if isinstance(it, Progress))


async def ended(run: WorkflowHandle[Any, Any]) -> str:
    """Wait for the end, and tell what came of the run, or why nothing."""
    try:
        return str(await run.result())
    except WorkflowFailureError as error:
        return repr(error.cause)


def fail() -> None:
    raise ApplicationError("no", non_retryable=True)


@workflow.defn
class UndoesByAsking:
    @workflow.run
    async def run(self) -> None:
        async with Saga() as saga:
            await saga.run(mark, "reserved", undo=mark, undo_args=("released",))
            await saga.run(mark, "paid", undo=self.refund, undo_args=())
            fail()

    async def refund(self) -> None:
        await approval("Refund?", remind_every=timedelta(days=1))
        await workflow.execute_activity(mark, "refunded", start_to_close_timeout=SOON)


async def test_an_undo_asks_on_though_its_run_is_cancelled(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, UndoesByAsking, activities=[mark]) as stage:
        run = await stage.start("UndoesByAsking")
        asked = await stage.asked()
        await run.cancel()
        await asyncio.sleep(1)
        await stage.decide(run, digest=asked.digest)
        await ended(run)

    assert done == ["reserved", "paid", "refunded", "released"]
    assert [it.decision for it in stage.bus.published if isinstance(it, ApprovalDecided)] == ["approve"]


@workflow.defn
class HandlesByAsking:
    def __init__(self) -> None:
        self._answered = False

    @workflow.run
    async def run(self) -> None:
        try:
            await workflow.sleep(timedelta(days=1))
        except asyncio.CancelledError:
            await workflow.wait_condition(workflow.all_handlers_finished)
            raise

    @workflow.signal
    async def ask(self) -> None:
        await approval("Sure?")
        done.append("answered")
        self._answered = True

    @workflow.signal
    async def wait(self) -> None:
        await workflow.wait_condition(lambda: self._answered)


async def test_a_handler_asks_on_though_its_run_is_cancelled(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, HandlesByAsking) as stage:
        run = await stage.start("HandlesByAsking")
        await run.signal("wait")
        await run.signal("ask")
        asked = await stage.asked()
        await run.cancel()
        await asyncio.sleep(1)
        await stage.decide(run, digest=asked.digest)
        await ended(run)

    assert set(done) == {"answered"}
    assert facts(stage.bus)[-1][1] == "cancelled"


@workflow.defn
class GivesUpLate:
    @workflow.run
    async def run(self) -> None:
        async with Saga() as saga:
            await saga.run(mark, "paid", undo="hold", undo_args=())
            await approval("Sure?", timeout=timedelta(seconds=2))


async def test_cancelled_while_silence_is_made_sure_a_question_is_no_longer_asked(
    environment: WorkflowEnvironment,
) -> None:
    hearing, undoing = Held(), Held()
    bus = HeldBus(hearing)
    async with open_scripted_worker(environment, GivesUpLate, activities=[mark, undoing.hold], bus=bus) as stage:
        run = await stage.start("GivesUpLate", task_timeout=QUICK)
        asked = await stage.asked()
        await hearing.reached.wait()
        await run.cancel()
        await undoing.reached.wait()
        await stage.decide(run, digest=asked.digest, stored_at=asked.opened_at)
        undoing.let_go.set()
        await ended(run)
        hearing.let_go.set()

    assert [type(it) for it in bus.published if isinstance(it, ApprovalDecided | ApprovalExpired)] == [ApprovalExpired]
    assert [it.code for it in bus.published if isinstance(it, Receipt)] == ["no_longer_asked"]


@workflow.defn
class GoesOnAnew:
    @workflow.run
    async def run(self, anew: bool) -> None:
        if anew:
            publisher = Run.current().publisher
            publisher.publish_soon([publisher.fact("note", result="before")])
            for _ in range(3):
                await asyncio.sleep(0)
            workflow.continue_as_new(args=[False])


async def test_what_was_to_be_said_is_said_though_a_run_is_cancelled_as_it_goes_on_anew(
    environment: WorkflowEnvironment,
) -> None:
    held = Held()
    bus = HeldBus(held, word="note")
    async with open_scripted_worker(environment, GoesOnAnew, bus=bus) as stage:
        run = await stage.start("GoesOnAnew", True, task_timeout=QUICK)
        await held.reached.wait()
        await run.cancel()
        await asyncio.sleep(QUICK.total_seconds() * 2)
        held.let_go.set()
        await ended(run)

    assert "before" in [result for _, _, result in facts(bus)]
    assert facts(bus)[-1][1] == "cancelled"


@workflow.defn
class StopsTwice:
    @workflow.run
    async def run(self) -> None:
        self._task = asyncio.current_task()
        await workflow.sleep(timedelta(days=1))

    @workflow.signal
    def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()


async def test_a_run_that_is_cancelled_again_and_again_says_its_end(environment: WorkflowEnvironment) -> None:
    held = Held()
    bus = HeldBus(held, word="cancelled")
    async with open_scripted_worker(environment, StopsTwice, bus=bus) as stage:
        run = await stage.start("StopsTwice", task_timeout=QUICK)
        await asyncio.sleep(0.5)  # until it has begun: who stops it then has something to stop
        await run.cancel()
        await held.reached.wait()
        for _ in range(2):
            await run.signal("stop")
            await asyncio.sleep(QUICK.total_seconds() * 2)
        held.let_go.set()
        await ended(run)

    assert facts(bus)[-1][1] == "cancelled"


@workflow.defn
class LeavesAQuestion:
    @workflow.run
    async def run(self) -> None:
        asking = asyncio.create_task(approval("Sure?"))
        await asyncio.wait([asking], timeout=2)


async def test_a_run_that_ends_as_its_question_is_answered_says_its_end_last(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, LeavesAQuestion) as stage:
        run = await stage.start("LeavesAQuestion")
        asked = await stage.asked()
    await asyncio.sleep(4)
    await stage.decide(run, digest=asked.digest)
    async with open_scripted_worker(environment, LeavesAQuestion, queue=stage.queue, bus=stage.bus):
        await ended(run)

    assert facts(stage.bus)[-1][1] == "completed"


@workflow.defn
class Handles:
    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "all handled"

    @workflow.signal
    async def tell(self) -> None:
        await note("hi")

    @workflow.signal
    async def do(self) -> None:
        await workflow.execute_activity(mark, "done", start_to_close_timeout=SOON)


@pytest.mark.parametrize("signal", ["tell", "do"])
async def test_what_handles_a_signal_that_comes_with_the_start_is_of_the_run(
    environment: WorkflowEnvironment, signal: str
) -> None:
    async with open_scripted_worker(environment, Handles, activities=[mark]) as stage:
        run = await environment.client.start_workflow(
            "Handles", id=uuid4().hex, task_queue=stage.queue, start_signal=signal
        )
        assert await ended(run) == "all handled"
