"""Whatever happens at whatever instant of a run's last two workflow tasks: the bus and Temporal tell one ending."""

import asyncio
import itertools
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import FailureError
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import NatsBus, RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.bus.views.run_index import run_progress
from perdure.config.settings import NatsSettings
from perdure.contracts import ENDINGS, Decision, Progress
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.failure_converter import failure_text
from tests.support.binaries import binary
from tests.support.halting_worker import INSTANTS, QUEUE
from tests.support.nats_server import nats_server
from tests.support.suite import gaps

_TASK_TIMEOUT: Final = timedelta(seconds=5)
_WITHIN: Final = 120  # seconds
_KINDS: Final = {
    WorkflowExecutionStatus.COMPLETED: "completed",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.TERMINATED: "terminated",
}

pytestmark = pytest.mark.timeout(2 * _WITHIN)


@dataclass
class House:
    """The servers, and the folder through which the worker halts."""

    nats: NatsSettings
    bus: NatsBus
    client: Client
    folder: Path

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run the worker as a process, which is killed at the end of the block."""
        address = self.client.service_client.config.target_host
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.halting_worker", self.nats.servers[0], address, str(self.folder)
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def start(self, name: str, *, fails: bool) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow("Ending", fails, id=name, task_queue=QUEUE, task_timeout=_TASK_TIMEOUT)

    async def reached(self, *names: str) -> None:
        """Wait until each of these runs has reached its instant."""
        async with asyncio.timeout(_WITHIN):
            while not all((self.folder / f"{name}.reached").exists() for name in names):
                await asyncio.sleep(0.02)

    def let_go(self, name: str) -> None:
        (self.folder / f"{name}.go").touch()

    async def facts(self) -> dict[str, list[Progress]]:
        found = defaultdict[str, list[Progress]](list)
        async for message in self.bus.read("progress.>"):
            fact = decode(message.raw)
            assert isinstance(fact, Progress)
            found[fact.workflow_id].append(fact)
        return found

    async def all_ended(self, *names: str) -> dict[str, list[Progress]]:
        async with asyncio.timeout(_WITHIN):
            while True:
                facts = await self.facts()
                if all(any(fact.kind in ENDINGS for fact in facts[name]) for name in names):
                    return facts
                await asyncio.sleep(0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "halts"
    made.mkdir()
    return made


@asynccontextmanager
async def open_house(tmp_path: Path, folder: Path) -> AsyncIterator[House]:
    with nats_server(tmp_path) as settings:
        async with (
            await WorkflowEnvironment.start_local(
                dev_server_existing_path=binary("temporal"),
                dev_server_log_level="error",
                data_converter=pydantic_data_converter,
            ) as environment,
            connect(settings, source="perdure/test", within=20) as bus,
        ):
            await provision(bus.js, "test")
            yield House(settings, bus, environment.client, folder)


async def nothing(_: House, __: WorkflowHandle[Any, Any]) -> None: ...


async def cancel(_: House, run: WorkflowHandle[Any, Any]) -> None:
    await run.cancel()


async def signal(_: House, run: WorkflowHandle[Any, Any]) -> None:
    await run.signal("poke")


async def decide(house: House, run: WorkflowHandle[Any, Any]) -> None:
    """Hand over a decision on a request that is not open; nobody knows its key."""
    decision = Decision(
        workflow_id=run.id, request_id=f"{run.id}.1", digest="0" * 64, decision="approve", approver="ann", nonce="n"
    )
    body = decision.model_dump_json().encode()
    place = await house.bus.publish_raw(RawMessage(decision.subject, body, {}))
    received = ReceivedDecision(decision_id=decision.message_id, decision=decision, place=f"DECISIONS.{place}")
    await run.signal(DECISION_SIGNAL, received)


async def terminate(_: House, run: WorkflowHandle[Any, Any]) -> None:
    await run.terminate(reason="a test")


ACTS: Final[dict[str, Callable[[House, WorkflowHandle[Any, Any]], Coroutine[Any, Any, None]]]] = {
    act.__name__: act for act in (nothing, cancel, signal, decide, terminate)
}


async def test_a_cancellation_signal_decision_or_termination_at_any_instant_leaves_one_ending(
    tmp_path: Path, folder: Path
) -> None:
    cases = list(itertools.product(range(len(INSTANTS)), ACTS, ("completes", "fails")))
    names = {f"{instant}-{act}-{how}": (act, how) for instant, act, how in cases}
    async with open_house(tmp_path, folder) as house, house.worker():

        async def play(name: str, act: str, how: str) -> None:
            run = await house.start(name, fails=how == "fails")
            await house.reached(name)
            with suppress(RPCError):  # the run has ended
                await ACTS[act](house, run)
            house.let_go(name)

        await asyncio.gather(*(play(name, *case) for name, case in names.items()))
        kinds = await one_ending_each(house, *names)

    assert set(kinds.values()) == {"completed", "failed", "cancelled", "terminated"}


async def test_a_worker_that_is_killed_at_any_instant_leaves_one_ending(tmp_path: Path, folder: Path) -> None:
    names = [f"{instant}-{how}" for instant in range(len(INSTANTS)) for how in ("completes", "fails")]
    async with open_house(tmp_path, folder) as house:
        async with house.worker():
            for name in names:
                await house.start(name, fails=name.endswith("fails"))
            await house.reached(*names)
        for name in names:
            house.let_go(name)
        async with house.worker():
            kinds = await one_ending_each(house, *names)

    assert kinds == {name: "completed" if name.endswith("completes") else "failed" for name in names}


async def one_ending_each(house: House, *names: str) -> dict[str, str]:
    """Check that each run has one ending, which is Temporal's; returns their kinds."""
    for name in names:
        with suppress(WorkflowFailureError):
            await house.client.get_workflow_handle(name).result()
    await house.all_ended(*names)
    later = await house.start("0-later", fails=False)
    await later.terminate()
    await house.all_ended(later.id)  # only the reconciler publishes that: it has looked at the others, too
    facts = await house.facts()
    kinds: dict[str, str] = {}
    for name in names:
        endings = [fact for fact in facts[name] if fact.kind in ENDINGS]
        shown = (await run_progress(house.bus, name))[-1]  # what `perdure runs result` prints
        assert (name, [(it.kind, it.result, it.error) for it in endings]) == (name, [await at_temporal(house, name)])
        assert (shown.kind, shown.sequence) == (endings[0].kind, max(fact.sequence for fact in facts[name]))
        assert (name, gaps(facts[name])) == (name, set())
        kinds[name] = endings[0].kind
    return kinds


async def at_temporal(house: House, name: str) -> tuple[str, Any, str | None]:
    """Return the kind, result and error that Temporal has."""
    run = house.client.get_workflow_handle(name)
    status = (await run.describe()).status
    assert status is not None
    try:
        return _KINDS[status], await run.result(), None
    except WorkflowFailureError as error:
        return _KINDS[status], None, await error_of(house, name, error)


async def error_of(house: House, name: str, error: WorkflowFailureError) -> str | None:
    cause = error.cause
    if "Terminated" in type(cause).__name__:
        return f"terminated by {house.client.identity}: a test"
    if "Cancelled" in type(cause).__name__:
        [ending] = [fact for fact in (await house.facts())[name] if fact.kind in ENDINGS]
        return ending.error  # Temporal keeps no text of a cancellation
    assert isinstance(cause, FailureError)
    assert cause.failure is not None
    return failure_text(cause.failure)
