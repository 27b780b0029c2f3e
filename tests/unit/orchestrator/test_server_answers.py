"""What a server that does not speak MCP properly becomes for people: one line, never an error of a library."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.answering_server import INIT, answering
from tests.support.session_server import serving

Serve = Callable[[Any], ToolServers]


@pytest_asyncio.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    opened: list[ToolServers] = []

    def serve(config: Any) -> ToolServers:
        opened.append(ToolServers({"s": config}, tmp_path / "folders"))
        return opened[-1]

    yield serve
    for servers in opened:
        await servers.close()


async def call(servers: ToolServers) -> ToolResult:
    server, tool = await servers.find(["s"], "t")
    return await server.call(ToolRequest(servers=("s",), tool="t", arguments={}), tool.name, idempotency_key="k")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (
            {"initialize": {"capabilities": {}}},
            r"its answer is no InitializeResult \(protocolVersion: Field required\)",
        ),
        (
            {"initialize": {**INIT, "protocolVersion": "1999"}},
            "Unsupported protocol version from the server: 1999",
        ),
        ({"initialize": '{"jsonrpc": "2.0", "id": ID, "error": {"code": -32000, "message": "log in"}}'}, "log in"),
        ({"initialize": '{"jsonrpc": "2.0", "id": ID, "result": [1]}'}, "its answer is none of JSON-RPC: .*"),
        (
            {"tools_list": {"tools": "none"}},
            r"its answer is no ListToolsResult \(tools: .* valid list\)",
        ),
    ],
)
async def test_an_opening_that_is_none_of_mcp_is_one_line(
    serve: Serve, tmp_path: Path, answers: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Unavailable, match=rf"^The MCP server s does not start: {reason}$") as failed:
        await call(serve(answering(tmp_path, **answers)))

    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    "answer",
    [
        '{"jsonrpc": "2.0", "id": ID, "result": null}',
        '{"jsonrpc": "2.0", "id": ID, "result": "x"}',
        '{"jsonrpc": "2.0", "id": ID, "error": "boom"}',
        '{"id": ID, "error": {"message": "boom"}}',
    ],
)
async def test_an_answer_that_is_none_ends_the_call_at_once_and_is_not_repeated(
    serve: Serve, tmp_path: Path, answer: str
) -> None:
    with pytest.raises(ToolRefused, match=r"^The server s refuses t: its answer is none of JSON-RPC: "):
        await call(serve(answering(tmp_path, tools_call=answer)))


@pytest.mark.parametrize(
    "before", ["", "Downloading…\n", "{not json\n", '{"progress": 7}\n', "[]\n", "\x1b[2J\n", "7\n"]
)
async def test_other_output_and_batches_are_read(serve: Serve, tmp_path: Path, before: str) -> None:
    answer = '[{"jsonrpc": "2.0", "id": ID, "result": {"content": [{"type": "text", "text": "ok"}]}}]'

    assert (await call(serve(answering(tmp_path, tools_call=before + answer)))).text == "ok"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            StdioServer(command="no-such-program"),
            r"its command no-such-program .*\(no such program .* PATH\)",
        ),
        (StdioServer(command="/etc/hostname"), r"its command /etc/hostname cannot be executed \(.*\)"),
        (StdioServer(command="cat", cwd=Path("/nowhere")), "its cwd /nowhere is no folder"),
        (StdioServer(command="cat", args=("\0",)), r"its command cannot be executed \(embedded null byte\)"),
        (HttpServer(url="nonsense"), r"its url nonsense is none \(.*\)"),
        (HttpServer(url="ftp://x/y"), r"its url ftp://x/y is none \(.*\)"),
        (HttpServer(url="http://127.0.0.1:1/mcp", headers={"X-Ä": "1"}), r"its headers cannot be sent \(.*\)"),
    ],
)
async def test_what_only_the_operator_can_mend_is_not_tried_again(serve: Serve, config: Any, reason: str) -> None:
    with pytest.raises(ApplicationError, match=rf"The MCP server s cannot be used: {reason}\. Fix ") as failed:
        await call(serve(config))

    assert failed.value.non_retryable


async def test_a_server_that_nobody_reaches_is_tried_again(serve: Serve) -> None:
    with pytest.raises(Unavailable, match=r"^The MCP server s does not start: it cannot be reached \(.*\)$"):
        await call(serve(HttpServer(url="http://127.0.0.1:1/mcp")))


@pytest.mark.parametrize("status", [400, 404, 405, 410, 501])
async def test_an_old_sse_url_is_recognised_whatever_refuses_the_post(serve: Serve, status: int) -> None:
    with serving() as server:
        server.closed = status
        with pytest.raises((ApplicationError, Unavailable), match=rf"HTTP {status}.*; perhaps .*old SSE transport"):
            await call(serve(HttpServer(url=server.url.replace("/mcp", "/sse"))))


async def test_control_characters_of_a_servers_last_words_are_shown(serve: Serve) -> None:
    script = "printf '\\033[2Jgone\\n' >&2; exit 1"

    with pytest.raises(Unavailable) as failed, suppress(ToolRefused):
        await call(serve(StdioServer(command="/bin/sh", args=("-c", script))))

    assert str(failed.value).isprintable()
    assert str(failed.value).endswith("[2Jgone")
