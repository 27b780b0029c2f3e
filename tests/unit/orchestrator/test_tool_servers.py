"""Real MCP servers, each a process: their tools are called, and a session that broke is opened again."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from perdure.errors import Unavailable
from perdure.flow.steps import ToolAnswer, ToolRequest
from perdure.local.ports import choose_ports
from perdure.settings import HttpServer, StdioServer
from perdure_orchestrator.agents.tool_servers import ToolRefused, ToolServers

TINY = str(Path(__file__).with_name("tiny_server.py"))


@pytest_asyncio.fixture
async def servers(tmp_path: Path) -> AsyncIterator[ToolServers]:
    (tmp_path / "note.md").write_text("Grüße")
    filesystem = ("-m", "perdure_orchestrator.filesystem_server", str(tmp_path))
    servers = ToolServers(
        {
            "files": StdioServer(command=sys.executable, args=filesystem),
            "tiny": StdioServer(command=sys.executable, args=(TINY,)),
            "broken": StdioServer(command="/nowhere/server"),
        }
    )
    yield servers
    await servers.close()


@pytest.fixture
def remote() -> Iterator[HttpServer]:
    """The tiny server on a port of its own."""
    port = choose_ports({"tiny": 0}, remembered={}, asked={})["tiny"]
    with subprocess.Popen([sys.executable, TINY, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            while not listens(port):
                assert process.poll() is None
                time.sleep(0.05)
            yield HttpServer(url=f"http://127.0.0.1:{port}/mcp")
        finally:
            process.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def call(servers: ToolServers, server: str, tool: str, *, key: str = "k", **arguments: str) -> ToolAnswer:
    found = await servers.find([server], tool)
    return await found.call(ToolRequest(servers=(server,), tool=tool, arguments=arguments), idempotency_key=key)


def processes(folder: Path) -> list[psutil.Process]:
    """The servers that serve this folder."""
    return [child for child in psutil.Process().children(recursive=True) if str(folder) in child.cmdline()]


async def test_a_tool_is_called_and_answers(servers: ToolServers) -> None:
    answer = await call(servers, "files", "read_text_file", path="note.md")

    assert (answer.text, answer.is_error) == ("Grüße", False)


async def test_a_server_that_was_killed_is_started_again_for_the_next_call(
    servers: ToolServers, tmp_path: Path
) -> None:
    await call(servers, "files", "read_text_file", path="note.md")
    (killed,) = processes(tmp_path)
    killed.kill()

    with pytest.raises(Unavailable, match="files broke"):
        await call(servers, "files", "read_text_file", path="note.md")
    answer = await call(servers, "files", "read_text_file", path="note.md")

    assert answer.text == "Grüße"
    assert processes(tmp_path) != [killed]


async def test_agents_that_start_together_share_one_server_and_none_is_left(
    servers: ToolServers, tmp_path: Path
) -> None:
    await asyncio.gather(*(call(servers, "files", "list_directory") for _ in range(5)))
    assert len(processes(tmp_path)) == 1

    await servers.close()

    assert processes(tmp_path) == []


@pytest.mark.parametrize(
    ("server", "tool", "said"),
    [
        ("fils", "read_text_file", "No MCP server is called fils: did you mean files?"),
        ("zzz", "read_text_file", "No MCP server is called zzz; there are: broken, files, tiny"),
        ("files", "read_file", "No tool is called read_file on files: did you mean read_text_file?"),
        ("files", "zzz", "there are: list_directory, read_text_file, write_file"),
    ],
)
async def test_a_name_that_nobody_has_is_refused_with_those_there_are(
    servers: ToolServers, server: str, tool: str, said: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        await call(servers, server, tool)

    assert said in str(refused.value)


async def test_a_server_that_cannot_be_started_may_come_back(servers: ToolServers) -> None:
    with pytest.raises(Unavailable, match="broken does not start"):
        await call(servers, "broken", "anything")


async def test_the_server_is_told_the_idempotency_key(servers: ToolServers) -> None:
    assert [(await call(servers, "tiny", "tell_key", key=key)).text for key in ("a/1", "a/2")] == ["a/1", "a/2"]


async def test_what_a_tool_fails_with_is_an_answer_that_says_so(servers: ToolServers) -> None:
    answer = await call(servers, "tiny", "refuse")

    assert answer.is_error
    assert "the shelf is empty" in answer.text


async def test_a_server_may_be_reached_over_http(remote: HttpServer) -> None:
    servers = ToolServers({"remote": remote})

    answer = await call(servers, "remote", "tell_key", key="over http")
    await servers.close()

    assert answer.text == "over http"
