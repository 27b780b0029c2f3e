"""Kills and stalls strike real processes, and wait until what they struck is back."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from perdure.chaos.kill import Kill
from perdure.chaos.processes import Processes
from perdure.chaos.stall import Stall
from perdure.chaos.strike import Strike
from perdure.errors import PerdureError
from perdure.local.state import Endpoints, State

STRIKE = Strike("stall", "ingest", 0.0, 0.99)


@pytest.fixture(autouse=True)
def lock(tmp_path: Path) -> Iterator[None]:
    """The lock of the state folder, as a running suite holds it."""
    with State(tmp_path).locked():
        yield


@pytest_asyncio.fixture
async def process() -> AsyncIterator[psutil.Process]:
    """A process that does nothing."""
    child = await asyncio.create_subprocess_exec("sleep", "60")
    yield psutil.Process(child.pid)
    if child.returncode is None:
        child.kill()
    await child.wait()


def write_endpoints(folder: Path, **pids: int) -> None:
    named = {name.replace("_", "-"): pid for name, pid in pids.items()}
    State(folder).write_endpoints(Endpoints(pid=os.getpid(), nats="", temporal="", services={}, pids=named))


async def until(process: psutil.Process, *, stopped: bool) -> None:
    async with asyncio.timeout(20):
        while (process.status() == psutil.STATUS_STOPPED) != stopped:
            await asyncio.sleep(0.01)


async def strike_for_ever(fault: Stall) -> None:
    async with fault.struck(STRIKE):
        await asyncio.Event().wait()


async def test_a_stalled_process_goes_on_afterwards(tmp_path: Path, process: psutil.Process) -> None:
    write_endpoints(tmp_path, ingest=os.getpid(), ingest_2=process.pid, nats=os.getpid())
    processes = Processes(tmp_path)
    async with Stall(processes, ["ingest"]).struck(STRIKE) as detail:
        await until(process, stopped=True)

    await until(process, stopped=False)
    assert detail == f"SIGSTOP ingest-2, process {process.pid}, for 0.0 s"
    assert processes.parts() == {"ingest", "nats"}


async def test_a_stalled_process_goes_on_even_if_chaos_is_interrupted(tmp_path: Path, process: psutil.Process) -> None:
    write_endpoints(tmp_path, ingest=process.pid)
    striking = asyncio.create_task(strike_for_ever(Stall(Processes(tmp_path), ["ingest"])))
    await until(process, stopped=True)
    striking.cancel()

    await until(process, stopped=False)


async def test_a_kill_is_over_once_the_successor_is_ready(tmp_path: Path, process: psutil.Process) -> None:
    write_endpoints(tmp_path, ingest=process.pid)
    async with Kill(Processes(tmp_path), ["ingest"]).struck(STRIKE):
        await asyncio.to_thread(process.wait, 10)
        write_endpoints(tmp_path, ingest=os.getpid())


async def test_without_a_suite_a_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(PerdureError, match="No suite runs"):
        Processes(tmp_path).choose("ingest", 0.5)
