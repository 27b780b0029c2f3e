"""Sessions of runs with servers that keep state: no two runs meet, whatever is in flight, and none is left behind."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from perdure.config.settings import StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest
from perdure_orchestrator.agents.calling_run import CallingRun
from perdure_orchestrator.agents.tool_server import ToolServer
from perdure_orchestrator.agents.tool_servers import ToolServers

PROGRAM = Path(__file__).parents[2] / "support" / "remembering_server.py"


@dataclass(frozen=True)
class Run(CallingRun):
    """A run that ends when a test says so."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self) -> None:
        await self.ended.wait()


def run(name: str) -> Run:
    return Run(client=NotImplemented, workflow_id=name, run_id=name, sessions={})


class Memory:
    """A server that remembers, as a test sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.opened: list[ToolServers] = []

    def serve(self, *scope: str, script: str = "", **settings: Any) -> ToolServer:
        command = f'{script} exec "$0" "$@"'
        args = ("-c", command, sys.executable, str(PROGRAM), str(self.log), *scope)
        config = StdioServer.model_validate({"command": "/bin/sh", "args": args, **settings})
        self.opened.append(ToolServers({"memory": config}, self.folder / "folders"))
        return self.opened[-1].named(["memory"])[0]

    def starts(self) -> int:
        return self.log.read_text().count("+") if self.log.exists() else 0

    def processes(self) -> list[int]:
        return alive({int(line[1:]) for line in self.log.read_text().split()})


def alive(pids: Iterable[int]) -> list[int]:
    """Return the processes that have not ended; one that nobody has reaped yet has."""
    return [it for it in pids if psutil.pid_exists(it) and psutil.Process(it).status() != psutil.STATUS_ZOMBIE]


@pytest_asyncio.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    made = Memory(tmp_path)
    yield made
    for servers in made.opened:
        await servers.close()


async def add(server: ToolServer, whose: Run, value: str) -> str:
    await server.tools()  # a call looks its tool up first
    request = ToolRequest(servers=("memory",), tool="add", arguments={"value": value})
    return (await server.call(request, "add", idempotency_key="k", run=whose)).text


async def read(server: ToolServer, whose: Run, uri: str) -> str:
    return str((await server.read(uri, whose))[0].text)


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fact():
            await asyncio.sleep(0.01)


OF_A_RUN = pytest.mark.parametrize(
    ("scope", "settings"), [((), {"session": "run"}), (("run",), {})], ids=["operator", "server"]
)


@OF_A_RUN
async def test_a_run_finds_no_session_in_which_another_reads(memory: Memory, scope: Any, settings: Any) -> None:
    server, goes_on = memory.serve(*scope, **settings), memory.folder / "on"
    reading = asyncio.create_task(read(server, run("a"), f"memory:when:{goes_on}"))
    await until(lambda: Path(f"{goes_on}.asked").exists())

    added = await add(server, run("b"), "secret of b")
    goes_on.touch()

    assert (added, await reading) == ("secret of b", "")


@OF_A_RUN
async def test_a_run_finds_no_session_in_which_another_has_read(memory: Memory, scope: Any, settings: Any) -> None:
    server, a = memory.serve(*scope, **settings), run("a")
    await read(server, a, "memory:all")

    await add(server, run("b"), "secret of b")

    assert await read(server, a, "memory:all") == ""


@OF_A_RUN
async def test_runs_that_wait_for_the_first_start_together_do_not_meet(
    memory: Memory, scope: Any, settings: Any
) -> None:
    server = memory.serve(*scope, **settings)
    names = "abcdef"

    found = await asyncio.gather(
        *(add(server, run(it), it) for it in names), *(read(server, run(f"{it}-reads"), "memory:all") for it in names)
    )

    assert found == [*names, *[""] * len(names)]


async def test_a_run_finds_no_session_of_a_server_that_begins_to_keep_state(memory: Memory) -> None:
    flag, goes_on = memory.folder / "declares", memory.folder / "on"
    script = f'[ -e {flag} ] && set -- "$@" run;'
    server = memory.serve(script=script)
    await server.tools()
    flag.touch()
    psutil.Process(memory.processes()[0]).kill()

    async def reading() -> str:
        while True:
            with suppress(Unavailable):  # as Temporal tries a step again
                return await read(server, run("a"), f"memory:when:{goes_on}")

    reads = asyncio.create_task(reading())
    await until(lambda: Path(f"{goes_on}.asked").exists())
    added = await add(server, run("b"), "secret of b")
    goes_on.touch()

    assert (added, await reads) == ("secret of b", "")


async def test_no_session_of_a_server_that_declares_its_state_uses_a_folder_of_all(memory: Memory) -> None:
    server = memory.serve("run")

    await add(server, run("a"), "1")
    await add(server, run("b"), "2")

    shared = memory.folder / "folders" / "memory"
    assert sorted(path.name for path in shared.iterdir() if path.is_file()) == []
    assert sorted(path.read_text() for path in shared.glob("*/values")) == ["1", "2"]


@pytest.mark.parametrize("first", ["call", "read"])
async def test_of_a_server_that_declares_its_state_only_sessions_of_runs_stay_open(memory: Memory, first: str) -> None:
    server, a = memory.serve("run"), run("a")

    await (add(server, a, "1") if first == "call" else read(server, a, "memory:all"))

    assert len(memory.processes()) == 1


async def test_no_process_remains_of_a_run_that_ends_while_its_server_starts(memory: Memory) -> None:
    goes_on, pids = memory.folder / "on", memory.folder / "pids"
    server = memory.serve(session="run")
    await server.tools()
    await add(server, run("first"), "has the session that listed the tools")
    script = f"echo $$ >> {pids}; until [ -e {goes_on} ]; do sleep 0.02; done;"
    slow = memory.serve(script=script, session="run")
    slow.last_list = server.last_list
    ending = run("b")
    calling = asyncio.create_task(add(slow, ending, "1"))
    await until(lambda: pids.exists() and pids.read_text().endswith("\n"))

    ending.ended.set()
    await until(lambda: not any(it.get_name() == "mcp session of b" for it in asyncio.all_tasks()))
    goes_on.touch()

    with pytest.raises(Unavailable, match=r"^The MCP server memory is not started any more: its run has ended$"):
        await calling
    assert alive(map(int, pids.read_text().split())) == []


async def test_a_step_that_is_tried_again_finds_its_server_starting(memory: Memory) -> None:
    goes_on = memory.folder / "on"
    server = memory.serve(script=f"echo +$$ >> {memory.log}; until [ -e {goes_on} ]; do sleep 0.02; done;")
    first = asyncio.create_task(add(server, run("a"), "1"))
    await until(lambda: memory.starts() == 1)
    first.cancel()  # as a step whose time is over
    await asyncio.wait({first})

    second = asyncio.create_task(add(server, run("a"), "1"))
    await asyncio.sleep(0)
    goes_on.touch()

    assert (await second, memory.starts()) == ("1", 2)  # the shell's line and the server's, of one process


async def test_a_session_is_closed_although_temporal_cannot_be_asked_at_once(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Run):
        async def next(self) -> None:
            if not self.ended.is_set():
                self.ended.set()
                raise RuntimeError("the client is broken")

    server = memory.serve(session="run")

    await add(server, Broken(client=NotImplemented, workflow_id="a", run_id="a", sessions={}), "1")
    await until(lambda: not memory.processes())

    [logged] = [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING]
    assert logged.startswith("cannot see whether the run a has ended: its session with the MCP server memory stays ")
    assert logged.endswith(": the client is broken")
