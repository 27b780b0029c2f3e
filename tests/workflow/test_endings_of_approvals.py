"""However a request ends, its end is published and each decision has its receipt."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, StoredMessage
from perdure.contracts import ApprovalDecided, ApprovalExpired, Message, Receipt
from perdure.errors import Unavailable
from perdure.flow import Policy, approval
from tests.support.scripted_worker import ScriptedWorker, open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


@workflow.defn
class Impatient:
    """Requests an approval with no time left."""

    @workflow.run
    async def run(self) -> str:
        await asyncio.sleep(3600)
        return (await approval("Well?", policy=Policy(timeout=timedelta()))).outcome


@workflow.defn
class Forgetful:
    """Requests an approval and ends without waiting for it."""

    @workflow.run
    async def run(self) -> None:
        self.request = asyncio.create_task(approval("Well?"))
        await asyncio.sleep(3600)


@workflow.defn
class Hasty:
    """Cancels its second request as soon as the first is decided."""

    @workflow.run
    async def run(self) -> None:
        requests = [asyncio.create_task(approval("Well?")) for _ in range(2)]
        await requests[0]
        requests[1].cancel()
        await asyncio.wait(requests)


@workflow.defn
class Brief:
    """Requests an approval that expires after two seconds."""

    @workflow.run
    async def run(self) -> str:
        return (await approval("Well?", policy=Policy(timeout=timedelta(seconds=2)))).outcome


@workflow.defn
class Silent:
    """Requests an approval that silence approves after an hour."""

    @workflow.run
    async def run(self) -> str:
        policy = Policy(timeout=timedelta(hours=1), silence="approve")
        return (await approval("Well?", policy=policy)).outcome


class Behind(MemoryBus):
    """A bus on which a decision still waits for the bridge when the run checks that none does."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        assert (service, stream) == ("orchestrator", "DECISIONS")
        if self.meanwhile is not None:
            await self.meanwhile()


class SlowToRead(MemoryBus):
    """A bus that returns no decision before the run's request is due."""

    def __init__(self) -> None:
        super().__init__()
        self.is_due = asyncio.Event()

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        await self.is_due.wait()
        return await super().get(stream, sequence)

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        self.is_due.set()
        await super().wait_until_consumed(service, stream)


class Interrupting(MemoryBus):
    """A bus on which something happens while a run's last facts are published."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def publish(self, message: Message) -> int:
        if isinstance(message, ApprovalExpired) and self.meanwhile is not None:
            callback, self.meanwhile = self.meanwhile, None
            await callback()
        return await super().publish(message)


class UnavailableAtTheEnd(MemoryBus):
    """A bus that is unavailable when a run publishes the end of a request."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = asyncio.Event()
        self.is_unavailable = True

    async def publish(self, message: Message) -> int:
        if isinstance(message, ApprovalExpired) and self.is_unavailable:
            self.tried.set()
            raise Unavailable("away")
        return await super().publish(message)


def ends_and_receipts(worker: ScriptedWorker) -> list[tuple[str, str]]:
    """Return request number and receipt code or end, in order."""
    kept = [it for it in worker.bus.published if isinstance(it, ApprovalDecided | ApprovalExpired | Receipt)]
    found = [
        (it.request_id[-1], it.code if isinstance(it, Receipt) else it.type.removeprefix("approvals.")) for it in kept
    ]
    return sorted(found)


async def test_a_request_with_no_time_left_expires_and_an_earlier_decision_was_about_something_unseen(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Impatient) as worker:
        run = await worker.start("Impatient")
        await worker.decide(run)

        assert await run.result() == "expired"
    assert ends_and_receipts(worker) == [("1", "expired"), ("1", "wrong_digest")]


async def test_a_request_that_is_open_when_its_run_completes_is_withdrawn(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Forgetful) as worker:
        await (await worker.start("Forgetful")).result()

    assert ends_and_receipts(worker) == [("1", "expired")]


async def test_a_request_that_is_open_when_its_run_is_cancelled_is_withdrawn(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Forgetful) as worker:
        run = await worker.start("Forgetful")
        await worker.approval_request()
        await run.cancel()
        with pytest.raises(WorkflowFailureError):
            await run.result()

    assert ends_and_receipts(worker) == [("1", "expired")]


async def test_a_decision_that_arrives_while_the_run_publishes_its_end_has_a_receipt(
    environment: WorkflowEnvironment,
) -> None:
    bus = Interrupting()
    async with open_scripted_worker(environment, Forgetful, bus=bus) as worker:
        run = await worker.start("Forgetful")
        await worker.approval_request()

        async def decide() -> None:
            await worker.decide(run)
            await worker.decide(run, nonce="n2", request_id=f"{run.id}.2")

        bus.meanwhile = decide
        await run.result()

    assert ends_and_receipts(worker) == [("1", "expired"), ("1", "no_longer_asked"), ("2", "never_asked")]


async def test_a_decision_is_published_although_the_run_cancels_the_request_at_the_same_time(
    environment: WorkflowEnvironment,
) -> None:
    bus = MemoryBus()
    async with open_scripted_worker(environment, Hasty, bus=bus, queue="hasty") as worker:
        run = await worker.start("Hasty")
        await environment.sleep(1)
    for number in (1, 2):  # the worker is dead, so the next one receives both at once
        await worker.decide(run, nonce=f"n{number}", request_id=f"{run.id}.{number}")
    async with open_scripted_worker(environment, Hasty, bus=bus, queue="hasty", approvers=worker.keys):
        await run.result()

    assert ends_and_receipts(worker) == [(number, what) for number in "12" for what in ("accepted", "decided")]


@pytest.mark.parametrize(("after", "outcome", "code"), [(1, "approved", "accepted"), (3, "expired", "request_expired")])
async def test_a_decision_stored_in_time_counts_however_late_a_worker_reads_it(
    environment: WorkflowEnvironment, after: int, outcome: str, code: str
) -> None:
    """A receipt may be published already; the next worker, with a later clock, must not contradict it."""
    bus, queue = MemoryBus(), uuid4().hex
    async with open_scripted_worker(environment, Brief, bus=bus, queue=queue) as worker:
        run = await worker.start("Brief")
        opened = (await worker.approval_request()).opened_at
    await worker.decide(run, stored_at=opened + timedelta(seconds=after))
    await asyncio.sleep(4)  # real time: the test server skips none while no worker runs
    async with open_scripted_worker(environment, Brief, bus=bus, queue=queue, approvers=worker.keys):
        assert await run.result() == outcome
    assert ("1", code) in ends_and_receipts(worker)


@pytest.mark.parametrize(
    ("minutes", "outcome", "receipt"), [(59, "rejected", "accepted"), (61, "approved", "request_expired")]
)
async def test_a_decision_stored_in_time_prevents_silence_while_it_waits_for_the_bridge(
    environment: WorkflowEnvironment, minutes: int, outcome: str, receipt: str
) -> None:
    bus = Behind()
    async with open_scripted_worker(environment, Silent, bus=bus) as worker:
        run = await worker.start("Silent")
        stored_at = (await worker.approval_request()).opened_at + timedelta(minutes=minutes)

        async def deliver() -> None:
            bus.meanwhile = None
            await worker.decide(run, decision="reject", stored_at=stored_at)

        bus.meanwhile = deliver

        assert await run.result() == outcome
    assert ("1", receipt) in ends_and_receipts(worker)
    assert [what for _, what in ends_and_receipts(worker) if what in {"decided", "expired"}] == [
        "decided" if outcome == "rejected" else "expired"
    ]


async def test_a_request_does_not_expire_while_one_of_its_decisions_is_verified(
    environment: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(environment, Brief, bus=SlowToRead()) as worker:
        run = await worker.start("Brief", task_timeout=timedelta(seconds=2))
        opened = (await worker.approval_request()).opened_at
        await worker.decide(run, stored_at=opened + timedelta(seconds=1))

        assert await run.result() == "approved"
    assert ends_and_receipts(worker) == [("1", "accepted"), ("1", "decided")]


async def test_a_run_that_is_cancelled_while_it_publishes_its_end_ends_as_published(
    environment: WorkflowEnvironment,
) -> None:
    bus = UnavailableAtTheEnd()
    async with open_scripted_worker(environment, Forgetful, bus=bus) as worker:
        run = await worker.start("Forgetful", task_timeout=timedelta(seconds=2))
        await worker.approval_request()
        await environment.sleep(3600)
        await bus.tried.wait()
        await run.cancel()
        await asyncio.sleep(2)  # the workflow task has timed out by then; the next one carries the cancellation
        bus.is_unavailable = False
        await run.result()

    assert ends_and_receipts(worker) == [("1", "expired")]
    assert worker.progress[-1].kind == "completed"
