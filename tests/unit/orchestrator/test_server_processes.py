"""The processes of MCP servers: how they end, that nothing of them remains, and why they ended."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from perdure.config.settings import StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.agents.server_process import ServerProcess
from perdure_orchestrator.agents.tool_servers import ToolServers

STUBBORN = Path(__file__).parents[2] / "support" / "stubborn_server.py"
WORKER = """
import asyncio, sys
from pathlib import Path
from perdure.config.settings import StdioServer
from perdure_orchestrator.agents.tool_servers import ToolServers

async def main():
    servers = ToolServers({"s": StdioServer(command=sys.executable, args=tuple(sys.argv[1:]))}, Path(sys.argv[2]))
    await servers.offers(["s"])
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

Serve = Callable[..., ToolServers]


@pytest_asyncio.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    opened: list[ToolServers] = []

    def serve(*args: Any, command: str = sys.executable) -> ToolServers:
        config = StdioServer(command=command, args=tuple(map(str, args)))
        opened.append(ToolServers({"s": config}, tmp_path / "folders"))
        return opened[-1]

    yield serve
    for servers in opened:
        await servers.close()


async def call(servers: ToolServers) -> ToolResult:
    server, tool = await servers.find(["s"], "read")
    return await server.call(ToolRequest(servers=("s",), tool="read", arguments={}), tool.name, idempotency_key="k")


def remaining(folder: Path) -> list[int]:
    """Return the processes of the stubborn server that have not ended; one that nobody has reaped yet has."""
    pids = map(int, (folder / "pids").read_text().split())
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("modes", [["orphan"], ["eof"], ["eof", "term"]], ids=" ".join)
async def test_nothing_of_a_closed_server_remains(serve: Serve, tmp_path: Path, modes: list[str]) -> None:
    servers = serve(STUBBORN, tmp_path, *modes)
    await call(servers)
    assert len(remaining(tmp_path)) == 2

    await servers.close()

    assert remaining(tmp_path) == []
    assert (tmp_path / "terminated").exists() == ("term" in modes)  # it was asked before it was killed


async def test_nothing_of_a_server_that_ended_by_itself_remains(serve: Serve, tmp_path: Path) -> None:
    servers = serve(STUBBORN, tmp_path, "exit=7")

    with pytest.raises(Unavailable, match=r"exit code 7\. Its last output: no licence for this host"):
        await call(servers)

    assert remaining(tmp_path) == []


async def test_nothing_of_a_server_that_ended_remains_although_nobody_calls_it(serve: Serve, tmp_path: Path) -> None:
    servers = serve(STUBBORN, tmp_path)
    await call(servers)
    psutil.Process(remaining(tmp_path)[0]).send_signal(signal.SIGKILL)

    async with asyncio.timeout(30):
        while remaining(tmp_path):
            await asyncio.sleep(0.05)


async def test_a_process_that_has_the_id_of_an_ended_server_by_now_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("w") as errors:
        ended = await ServerProcess.start(["/bin/true"], {}, tmp_path, errors)
        stranger = await ServerProcess.start(["/bin/cat"], {}, tmp_path, errors)
    await ended.exited.wait()
    ended.child.pid = stranger.child.pid  # as the system gives ids again

    await ended.stop()

    assert psutil.pid_exists(stranger.child.pid)
    assert await stranger.own_end() is None
    await stranger.stop()


@pytest.mark.parametrize("modes", [["orphan"], ["eof", "term"]], ids=" ".join)
def test_no_server_outlives_a_worker_that_is_killed(tmp_path: Path, modes: list[str]) -> None:
    command = [sys.executable, "-c", WORKER, str(STUBBORN), str(tmp_path), *modes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        assert len(remaining(tmp_path)) == 2
        worker.kill()

    while remaining(tmp_path):
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("exit 3", r"its process ended with exit code 3$"),
        (
            "echo usage: server FILE; exit 2",
            r"its process ended with exit code 2\. Its last output: usage: server FILE$",
        ),
        ("echo no licence >&2; kill -SEGV $$", r"its process was ended by SIGSEGV\. Its last output: no licence$"),
        ("kill -64 $$", r"its process was ended by SIGRTMAX$"),
        ("kill -40 $$", r"its process was ended by signal 40$"),
        ("exit 0", r"its process ended with exit code 0$"),
        ("exec >&-; cat >/dev/null", r"it closed its output$"),
    ],
)
async def test_the_sentence_names_how_a_server_ended(serve: Serve, script: str, end: str) -> None:
    with pytest.raises(Unavailable, match=rf"^The MCP server s does not start: {end}"):
        await call(serve("-c", script, command="/bin/sh"))


async def test_the_sentence_of_a_call_names_how_its_server_was_killed(serve: Serve, tmp_path: Path) -> None:
    servers = serve(STUBBORN, tmp_path)
    await call(servers)
    psutil.Process(remaining(tmp_path)[0]).send_signal(signal.SIGKILL)

    with pytest.raises(Unavailable, match=r"^The call of read on s broke: its process was ended by SIGKILL$"):
        await call(servers)


async def test_servers_are_closed_together(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for own in (a, b):
        own.mkdir()
    servers = ToolServers(
        {
            own.name: StdioServer(command=sys.executable, args=(str(STUBBORN), str(own), f"after={other}/ended"))
            for own, other in ((a, b), (b, a))
        },
        tmp_path / "folders",
    )
    await servers.offers(["a", "b"])

    await servers.close()

    assert [(own / "done").exists() for own in (a, b)] == [True, True]
