"""However a request ends, and whatever ends with it, its end is told, and each answer has its receipt."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus
from perdure.contracts import ApprovalDecided, ApprovalExpired, Message, Progress, Receipt
from perdure.errors import Unavailable
from perdure.flow import Policy, approval
from perdure.flow.request_digest import request_digest
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")

DIGEST = request_digest("Well?")


@workflow.defn
class Impatient:
    """Gives nobody any time, but takes what was said before."""

    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(3600)
        return (await approval("Well?", policy=Policy(timeout=timedelta()))).outcome


@workflow.defn
class Forgetful:
    """Asks, and ends without a look at the answer."""

    @workflow.run
    async def run(self) -> None:
        self.asking = asyncio.create_task(approval("Well?"))
        await asyncio.sleep(3600)


@workflow.defn
class Hasty:
    """Drops the second question as soon as the first is answered."""

    @workflow.run
    async def run(self) -> None:
        questions = [asyncio.create_task(approval("Well?")) for _ in range(2)]
        await questions[0]
        questions[1].cancel()
        await asyncio.wait(questions)


@workflow.defn
class Brief:
    """Gives people two seconds."""

    @workflow.run
    async def run(self) -> str:
        return (await approval("Well?", policy=Policy(timeout=timedelta(seconds=2)))).outcome


@workflow.defn
class Silent:
    """Takes silence for a yes after an hour."""

    @workflow.run
    async def run(self) -> str:
        policy = Policy(timeout=timedelta(hours=1), silence="approve")
        return (await approval("Well?", policy=policy)).outcome


class Behind(MemoryBus):
    """A bus on which something still waits for the bridge when it is asked whether that is so."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        assert (service, stream) == ("orchestrator", "DECISIONS")
        if self.meanwhile is not None:
            await self.meanwhile()


class Interrupting(MemoryBus):
    """A bus on which something happens while it is said that a run has completed."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def publish(self, message: Message) -> int:
        if isinstance(message, Progress) and message.kind == "completed" and self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return await super().publish(message)


class AwayAtTheEnd(MemoryBus):
    """A bus that is away when a run wants to say how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Event()
        self.is_away = True

    async def publish(self, message: Message) -> int:
        if isinstance(message, ApprovalExpired) and self.is_away:
            self.tried.set()
            raise Unavailable("away")
        return await super().publish(message)


def told(stage: ScriptedWorker) -> list[tuple[str, str]]:
    """What was said of requests and decisions, in order of its ids."""
    kept = [it for it in stage.bus.published if isinstance(it, ApprovalDecided | ApprovalExpired | Receipt)]
    told = [
        (it.request_id[-1], it.code if isinstance(it, Receipt) else it.type.removeprefix("approvals.")) for it in kept
    ]
    return sorted(told)


async def test_an_answer_that_came_in_time_counts_when_no_time_is_left(environment: WorkflowEnvironment) -> None:
    async with open_scripted_worker(environment, Impatient) as stage:
        run = await stage.start("Impatient")
        await stage.decide(run, digest=DIGEST)

        assert await run.result() == "approved"
    assert told(stage) == [("1", "accepted"), ("1", "decided")]


async def test_a_request_that_is_open_when_its_run_completes_is_no_longer_asked(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Forgetful) as stage:
        await (await stage.start("Forgetful")).result()

    assert told(stage) == [("1", "expired")]


async def test_a_request_that_is_open_when_its_run_is_cancelled_is_no_longer_asked(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Forgetful) as stage:
        run = await stage.start("Forgetful")
        await stage.asked()
        await run.cancel()
        with pytest.raises(WorkflowFailureError):
            await run.result()

    assert told(stage) == [("1", "expired")]


async def test_an_answer_that_comes_while_the_run_says_its_last_words_has_a_receipt(
    environment: WorkflowEnvironment,
) -> None:
    bus = Interrupting()
    async with open_scripted_worker(environment, Forgetful, bus=bus) as stage:
        run = await stage.start("Forgetful")
        await stage.asked()

        async def decide() -> None:
            await stage.decide(run, digest=DIGEST)
            await stage.decide(run, nonce="n2", request_id=f"{run.id}.2", digest=DIGEST)

        bus.meanwhile = decide
        await run.result()

    assert told(stage) == [("1", "expired"), ("1", "no_longer_asked"), ("2", "never_asked")]


async def test_what_is_decided_is_told_also_when_the_run_drops_it_meanwhile(environment: WorkflowEnvironment) -> None:
    bus = MemoryBus()
    async with open_scripted_worker(environment, Hasty, bus=bus, queue="hasty") as stage:
        run = await stage.start("Hasty")
        await environment.sleep(1)
    for number in (1, 2):  # the worker is dead: both are heard at once
        await stage.decide(run, nonce=f"n{number}", request_id=f"{run.id}.{number}", digest=DIGEST)
    async with open_scripted_worker(environment, Hasty, bus=bus, queue="hasty") as stage:
        await run.result()

    assert told(stage) == [(number, what) for number in "12" for what in ("accepted", "decided")]


@pytest.mark.parametrize(("after", "outcome", "code"), [(1, "approved", "accepted"), (3, "expired", "request_expired")])
async def test_what_was_stored_in_time_counts_however_late_a_worker_comes_to_it(
    environment: WorkflowEnvironment, after: int, outcome: str, code: str
) -> None:
    """A receipt may be on the bus already: the next worker, with a later clock, must not contradict it."""
    bus, queue = MemoryBus(), uuid4().hex
    async with open_scripted_worker(environment, Brief, bus=bus, queue=queue) as stage:
        run = await stage.start("Brief")
        opened = (await stage.asked()).opened_at
    await stage.decide(run, digest=DIGEST, stored_at=opened + timedelta(seconds=after))
    await asyncio.sleep(4)  # in real time: the test server skips none for a run whose worker is dead
    async with open_scripted_worker(environment, Brief, bus=bus, queue=queue):
        assert await run.result() == outcome
    assert ("1", code) in told(stage)


@pytest.mark.parametrize(
    ("minutes", "outcome", "receipt"), [(59, "rejected", "accepted"), (61, "approved", "request_expired")]
)
async def test_nobody_is_silent_whose_answer_was_stored_in_time_and_waits_for_the_bridge(
    environment: WorkflowEnvironment, minutes: int, outcome: str, receipt: str
) -> None:
    bus = Behind()
    async with open_scripted_worker(environment, Silent, bus=bus) as stage:
        run = await stage.start("Silent")
        stored_at = (await stage.asked()).opened_at + timedelta(minutes=minutes)

        async def hand_over() -> None:
            bus.meanwhile = None
            await stage.decide(run, decision="reject", digest=DIGEST, stored_at=stored_at)

        bus.meanwhile = hand_over

        assert await run.result() == outcome
    assert ("1", receipt) in told(stage)
    assert [what for _, what in told(stage) if what in {"decided", "expired"}] == [
        "decided" if outcome == "rejected" else "expired"
    ]


async def test_a_run_that_is_cancelled_while_it_says_its_last_words_says_them_and_ends_as_they_say(
    environment: WorkflowEnvironment,
) -> None:
    bus = AwayAtTheEnd()
    async with open_scripted_worker(environment, Forgetful, bus=bus) as stage:
        run = await stage.start("Forgetful", task_timeout=timedelta(seconds=2))
        await stage.asked()
        await environment.sleep(3600)
        await bus.tried.wait()
        await run.cancel()
        await asyncio.sleep(2)  # the workflow task is beaten by then, and the next one brings the cancellation
        bus.is_away = False
        await run.result()

    assert told(stage) == [("1", "expired")]
    assert stage.progress[-1].kind == "completed"
