"""Sessions with real MCP servers, each a process: tool calls, and reconnection after a failure."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure.local.ports import choose_ports
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.secret_file import write_secret
from tests.support.session_server import SessionServer, serving

TOKEN = "a-token-that-nobody-may-read"  # noqa: S105 (not a real token)
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
            "silent": StdioServer(
                command="/bin/sh",
                args=("-c", "while read line; do :; done", str(tmp_path)),
                start_timeout=timedelta(seconds=0.2),
            ),
        },
        tmp_path / "folders",
    )
    yield servers
    await servers.close()


@pytest.fixture
def remote() -> Iterator[HttpServer]:
    """The tiny server on a port of its own."""
    port = choose_ports({"tiny": 0}, remembered={}, requested={})["tiny"]
    with subprocess.Popen([sys.executable, TINY, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            while not is_listening(port):
                assert process.poll() is None
                time.sleep(0.05)
            yield HttpServer(url=f"http://127.0.0.1:{port}/mcp")
        finally:
            process.kill()


@pytest.fixture
def legacy() -> Iterator[SessionServer]:
    """A server with sessions."""
    with serving() as server:
        yield server


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def call(servers: ToolServers, server: str, tool: str, *, key: str = "k", **arguments: str) -> ToolResult:
    found, _ = await servers.find([server], tool)
    return await found.call(ToolRequest(servers=(server,), tool=tool, arguments=arguments), tool, idempotency_key=key)


def processes(folder: Path) -> list[psutil.Process]:
    """Return the server processes of this folder."""
    return [child for child in psutil.Process().children(recursive=True) if str(folder) in child.cmdline()]


async def test_a_tool_call_returns_its_result(servers: ToolServers) -> None:
    answer = await call(servers, "files", "read_text_file", path="note.md")

    assert (answer.text, answer.is_error) == ("Grüße", False)


async def test_a_killed_server_is_restarted_for_the_next_call(servers: ToolServers, tmp_path: Path) -> None:
    await call(servers, "files", "read_text_file", path="note.md")
    (killed,) = processes(tmp_path)
    killed.kill()

    with pytest.raises(Unavailable, match="files broke"):
        await call(servers, "files", "read_text_file", path="note.md")
    answer = await call(servers, "files", "read_text_file", path="note.md")

    assert answer.text == "Grüße"
    assert processes(tmp_path) != [killed]


async def test_concurrent_calls_share_one_server_process_which_ends_on_close(
    servers: ToolServers, tmp_path: Path
) -> None:
    await asyncio.gather(*(call(servers, "files", "list_directory") for _ in range(5)))
    assert len(processes(tmp_path)) == 1

    await servers.close()

    assert processes(tmp_path) == []


async def test_programs_get_a_picture_and_models_a_line_about_it(servers: ToolServers) -> None:
    found, _ = await servers.find(["tiny"], "draw")
    request = ToolRequest(servers=("tiny",), tool="draw", arguments={})

    program = await found.call(request, "draw", idempotency_key="k")
    model = await found.call(request.model_copy(update={"call_id": "c1"}), "draw", idempotency_key="k")

    assert (program.text, [file.data for file in program.files]) == ("a dot", [b"\x89PNG"])
    assert model.text == f"a dot\n{model.stored_files[0].line}"


@pytest.mark.parametrize(
    ("server", "tool", "message"),
    [
        ("fils", "read_text_file", "No MCP server is called fils: did you mean files?"),
        ("zzz", "read_text_file", "No MCP server is called zzz; there are: broken, files, silent, tiny"),
        ("files", "read_file", "No tool is called read_file on files: did you mean read_text_file?"),
        ("files", "zzz", "there are: list_directory, load_file, read_text_file, write_file"),
    ],
)
async def test_the_error_for_an_unknown_name_suggests_known_names(
    servers: ToolServers, server: str, tool: str, message: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        await call(servers, server, tool)

    assert message in str(refused.value)


async def test_a_command_that_does_not_exist_is_not_tried_again(servers: ToolServers) -> None:
    with pytest.raises(ApplicationError, match="broken cannot be used: its command /nowhere/server") as refused:
        await call(servers, "broken", "anything")

    assert refused.value.non_retryable


async def test_opening_a_server_that_does_not_respond_times_out(servers: ToolServers, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"silent does not start within 0\.2 s.*start_timeout"):
        await call(servers, "silent", "anything")

    assert processes(tmp_path) == []


async def test_a_call_cancelled_while_its_server_starts_leaves_nothing_to_a_closed_worker(
    servers: ToolServers, tmp_path: Path
) -> None:
    calling = asyncio.create_task(call(servers, "silent", "anything"))
    while not processes(tmp_path):
        await asyncio.sleep(0.01)

    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await servers.close()

    assert processes(tmp_path) == []
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "mcp session silent"]


async def test_the_server_receives_the_idempotency_key(servers: ToolServers) -> None:
    assert [(await call(servers, "tiny", "tell_key", key=key)).text for key in ("a/1", "a/2")] == ["a/1", "a/2"]


async def test_a_tools_own_failure_is_an_error_result(servers: ToolServers) -> None:
    answer = await call(servers, "tiny", "refuse")

    assert answer.is_error
    assert "the shelf is empty" in answer.text


async def test_a_server_is_reached_over_http(remote: HttpServer) -> None:
    servers = ToolServers({"remote": remote})

    answer = await call(servers, "remote", "tell_key", key="over http")
    await servers.close()

    assert answer.text == "over http"


@pytest.mark.parametrize(
    "lost",
    [
        (404, None),  # as specified
        (404, {"error": {"code": -32600, "message": "Session not found"}}),  # Python's SDK
        (404, {"error": {"code": -32001, "message": "Session not found"}}),  # TypeScript's SDK
        (400, None),  # Python's SDK of 2025
    ],
)
async def test_a_lost_session_is_replaced_for_the_next_call(legacy: SessionServer, lost: tuple[int, Any]) -> None:
    legacy.lost = lost
    servers = ToolServers({"legacy": HttpServer(url=legacy.url)})
    await call(servers, "legacy", "note_key", key="first")
    legacy.restart()

    with pytest.raises(Unavailable, match="on legacy broke"):
        await call(servers, "legacy", "note_key", key="second")
    await call(servers, "legacy", "note_key", key="second")
    await servers.close()

    assert legacy.keys == ["first", "second"]


@pytest.mark.parametrize(
    "failure", [(503, None), (500, None), (503, {"error": {"code": -32603, "message": "too many sessions"}})]
)
async def test_a_server_failure_is_unavailable_and_may_be_retried(
    legacy: SessionServer, failure: tuple[int, Any]
) -> None:
    servers = ToolServers({"legacy": HttpServer(url=legacy.url)})
    legacy.failures = [failure]

    with pytest.raises(Unavailable, match="on legacy broke"):
        await call(servers, "legacy", "note_key")
    answer = await call(servers, "legacy", "note_key")
    await servers.close()

    assert not answer.is_error


async def test_a_server_failure_keeps_the_session_for_other_calls(legacy: SessionServer) -> None:
    servers = ToolServers({"legacy": HttpServer(url=legacy.url)})
    await call(servers, "legacy", "note_key")
    before = legacy.session
    legacy.failures = [(200, {"error": {"code": -32603, "message": "the shelf fell down"}})]

    with pytest.raises(Unavailable, match="the shelf fell down"):
        await call(servers, "legacy", "note_key")
    await call(servers, "legacy", "note_key")
    await servers.close()

    assert legacy.session == before


@pytest.mark.parametrize("code", [-32600, -32601, -32602, -32042, 17])
async def test_a_call_that_the_server_calls_wrong_is_refused_with_its_message(legacy: SessionServer, code: int) -> None:
    servers = ToolServers({"legacy": HttpServer(url=legacy.url)})
    legacy.failures = [(200, {"error": {"code": code, "message": "no such shelf"}})]

    with pytest.raises(ToolRefused, match="legacy refuses note_key: no such shelf"):
        await call(servers, "legacy", "note_key")
    await servers.close()


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_token_is_not_retried_and_is_read_again_for_the_next_call(
    legacy: SessionServer, tmp_path: Path, status: int
) -> None:
    token = tmp_path / "token"
    write_secret(token, "an-old-token")
    servers = ToolServers({"legacy": HttpServer(url=legacy.url, token_file=token)})
    await call(servers, "legacy", "note_key")
    legacy.closed = status

    with pytest.raises(ApplicationError, match=rf"HTTP {status}\. Fix mcp\.servers\.legacy") as refused:
        await call(servers, "legacy", "note_key")
    token.write_text("a-new-token")
    legacy.closed = None
    await call(servers, "legacy", "note_key")
    await servers.close()

    assert refused.value.non_retryable
    assert legacy.tokens == {"Bearer an-old-token", "Bearer a-new-token"}


@pytest.mark.parametrize(
    ("status", "settings", "reason"),
    [
        (401, {}, "it answers HTTP 401"),
        (403, {}, "it answers HTTP 403"),
        (404, {}, r"there is none at its url \(HTTP 404\)"),
        (None, {"token_variable": "NO_SUCH_VARIABLE"}, "the worker has no variable NO_SUCH_VARIABLE"),
        (None, {"token_file": "/nowhere/token"}, "its token cannot be read"),
    ],
)
async def test_a_server_that_cannot_be_opened_as_configured_is_not_retried(
    legacy: SessionServer, status: int | None, settings: dict[str, Any], reason: str
) -> None:
    legacy.closed = status
    servers = ToolServers({"legacy": HttpServer(url=legacy.url, **settings)})

    with pytest.raises(ApplicationError, match=f"The MCP server legacy cannot be used: {reason}") as refused:
        await call(servers, "legacy", "note_key")

    assert refused.value.non_retryable


@pytest.mark.parametrize("opening", [False, True], ids=["at a call", "at opening"])
@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"), [(429, "7", 7), (503, "0", 0), (429, "Wed, 21 Oct 2015 07:28:00 GMT", 0)]
)
async def test_retry_after_sets_the_delay_of_the_next_attempt(
    legacy: SessionServer, *, status: int, retry_after: str, seconds: int, opening: bool
) -> None:
    servers = ToolServers({"legacy": HttpServer(url=legacy.url)})
    legacy.retry_after = retry_after
    if opening:
        legacy.closed = status
    else:
        await call(servers, "legacy", "note_key")
        legacy.failures = [(status, None)]

    with pytest.raises(ApplicationError, match=f"HTTP {status}, retry-after {retry_after}") as later:
        await call(servers, "legacy", "note_key")
    await servers.close()

    assert later.value.next_retry_delay == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32602, "message": f"who is {TOKEN}?"}},
        {"error": {"code": -32603, "message": f"who is {TOKEN}?"}},
        {"result": {"content": [{"type": "text", "text": TOKEN}], "structuredContent": {"you": [TOKEN]}}},
    ],
    ids=["a refusal", "a failure", "an answer"],
)
async def test_a_token_that_a_server_repeats_is_redacted(
    legacy: SessionServer, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setenv("SHOP_ACCESS", TOKEN)
    servers = ToolServers({"legacy": HttpServer(url=legacy.url, token_variable="SHOP_ACCESS")})  # noqa: S106 (a name)
    legacy.failures = [(200, answer)]

    try:
        text = (await call(servers, "legacy", "note_key")).model_dump_json()
    except (Unavailable, ToolRefused) as error:
        text = str(error)
    await servers.close()

    assert "***" in text
    assert TOKEN not in text
