"""Results as servers really send them: of megabytes, and with text that JSON or UTF-8 does not allow."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.config.settings import HttpServer
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.agents import server_transports, stdio_lines
from perdure_orchestrator.agents.tool_server import ToolRefused
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.answering_server import answering
from tests.support.odd_servers import odd
from tests.support.session_server import SessionServer, serving

ODD_TEXTS = [
    pytest.param(rb"cut \ud83d here", "cut \ufffd here", id="the first half of a pair"),
    pytest.param(rb"\ude00 cut", "\ufffd cut", id="the second half of a pair"),
    pytest.param(rb"\ude00\ud83d", "\ufffd\ufffd", id="the halves the wrong way round"),
    pytest.param(rb"\ud83d\ude00 \ud83d \ud83d\ude00", "\U0001f600 \ufffd \U0001f600", id="a half between pairs"),
    pytest.param(rb"C:\\ud83d", r"C:\ud83d", id="a backslash"),
    pytest.param("𝄞 😀".encode(), "𝄞 😀", id="beyond the basic plane"),
    pytest.param(rb"a\u0000b", "a\0b", id="an escaped NUL"),
    pytest.param(b"a\0b\x1b[2J", "a\0b\x1b[2J", id="control characters as they are"),
    pytest.param(b"Gr\xfc\xdfe", "Gr\ufffd\ufffde", id="Latin-1"),
]


def result_of(text: bytes) -> bytes:
    return b'{"content": [{"type": "text", "text": "%s"}]}' % text


@pytest.fixture
def remote() -> Iterator[SessionServer]:
    with serving() as server:
        yield server


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., ToolServers]]:
    every: list[ToolServers] = []

    def open_servers(**servers: object) -> ToolServers:
        every.append(ToolServers(servers, tmp_path / "folders"))  # type: ignore[arg-type]
        return every[-1]

    yield open_servers
    for servers in every:
        await servers.close()


async def call(servers: ToolServers, name: str, tool: str) -> ToolResult:
    server, _ = await servers.find((name,), tool)
    return await server.call(ToolRequest(servers=(name,), tool=tool, arguments={}), tool, idempotency_key="k")


@pytest.mark.parametrize(("sent", "text"), ODD_TEXTS)
async def test_a_process_may_send_any_text(
    opened: Callable[..., ToolServers], tmp_path: Path, sent: bytes, text: str
) -> None:
    (tmp_path / "result").write_bytes(result_of(sent))
    tool = {"name": "read", "inputSchema": {"type": "object"}, "result_file": str(tmp_path / "result")}

    answer = await call(opened(odd=odd(tool)), "odd", "read")

    assert answer.text == text
    assert answer.model_dump_json()


@pytest.mark.parametrize("streams", [False, True], ids=["as JSON", "as an event"])
@pytest.mark.parametrize(("sent", "text"), ODD_TEXTS)
async def test_a_server_over_http_may_send_any_text(
    opened: Callable[..., ToolServers], remote: SessionServer, sent: bytes, text: str, *, streams: bool
) -> None:
    remote.streams = streams
    remote.bodies = [b'{"jsonrpc": "2.0", "id": %d, "result": ' + result_of(sent) + b"}"]

    answer = await call(opened(remote=HttpServer(url=remote.url)), "remote", "note_key")

    assert answer.text == text


@pytest.mark.parametrize("streams", [False, True], ids=["as JSON", "as an event"])
async def test_ten_megabytes_arrive_over_http(
    opened: Callable[..., ToolServers], remote: SessionServer, *, streams: bool
) -> None:
    remote.streams = streams
    remote.failures = [(200, {"result": {"content": [{"type": "text", "text": "much " * 2_000_000}]}})]

    answer = await call(opened(remote=HttpServer(url=remote.url)), "remote", "note_key")

    assert len(answer.text) == 10_000_000


@pytest.mark.parametrize(
    ("streams", "reason"),
    [
        pytest.param(False, "its answer is longer than 32 MiB, the most that is read of one$", id="as JSON"),
        pytest.param(True, ".*100000 byte limit", id="as an event"),
    ],
)
async def test_a_result_beyond_the_limit_is_refused_and_the_call_is_not_repeated(
    opened: Callable[..., ToolServers],
    remote: SessionServer,
    monkeypatch: pytest.MonkeyPatch,
    *,
    streams: bool,
    reason: str,
) -> None:
    monkeypatch.setattr(server_transports, "MOST_BYTES", 100_000)
    remote.streams = streams
    remote.failures = [(200, {"result": {"content": [{"type": "text", "text": "much " * 50_000}]}})]
    servers = opened(remote=HttpServer(url=remote.url))

    with pytest.raises(ToolRefused, match=rf"remote answered note_key with what is no result: {reason}"):
        await call(servers, "remote", "note_key")

    assert len(remote.keys) == 1
    assert (await call(servers, "remote", "note_key")).text == ""


@pytest.mark.parametrize("streams", [False, True], ids=["as JSON", "as an event"])
async def test_what_is_no_json_is_refused_and_the_call_is_not_repeated(
    opened: Callable[..., ToolServers], remote: SessionServer, *, streams: bool
) -> None:
    remote.streams = streams
    remote.bodies = [b'{"jsonrpc": "2.0", "id": %d, "result": {"content": [']
    servers = opened(remote=HttpServer(url=remote.url))

    with pytest.raises(ToolRefused, match="remote answered note_key with what is no result") as refused:
        await call(servers, "remote", "note_key")

    assert "\n" not in str(refused.value)
    assert len(remote.keys) == 1


async def test_five_megabytes_of_structure_arrive_whole(opened: Callable[..., ToolServers], tmp_path: Path) -> None:
    rows = [{"id": number, "name": "x" * 80} for number in range(50_000)]
    (tmp_path / "result").write_text(json.dumps({"content": [], "structuredContent": {"rows": rows}}))
    tool = {"name": "read", "inputSchema": {"type": "object"}, "result_file": str(tmp_path / "result")}

    answer = await call(opened(odd=odd(tool)), "odd", "read")

    assert answer.structured == {"rows": rows}
    assert json.loads(answer.text) == {"rows": rows}


ORDERS = [
    pytest.param('{"jsonrpc": "2.0", "id": ID, "result": RESULT}', id="the id first"),
    pytest.param('{"result": RESULT, "id": ID, "jsonrpc": "2.0"}', id="the id last"),
]


@pytest.mark.parametrize("order", ORDERS)
async def test_a_line_beyond_the_limit_ends_its_call_alone_and_is_not_repeated(
    opened: Callable[..., ToolServers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(stdio_lines, "MOST_BYTES", 100_000)
    whole = {"content": [], "structuredContent": {"id": 7, "text": "much " * 100_000, "more": {"id": 8}}}
    servers = opened(s=answering(tmp_path, tools_call=order.replace("RESULT", json.dumps(whole))))

    with pytest.raises(
        ToolRefused,
        match=r"^The server s answered t with what is no result: its answer is longer than 32 MiB, the most",
    ):
        await call(servers, "s", "t")

    assert [tool.name for tool in await servers.named(("s",))[0].tools(refresh=True)] == ["t"]


async def test_other_output_without_an_end_is_left_out(
    opened: Callable[..., ToolServers],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(stdio_lines, "MOST_BYTES", 100_000)
    long = "=" * 300_000
    answer = '{"jsonrpc": "2.0", "id": ID, "result": {"content": [{"type": "text", "text": "ok"}]}}'
    servers = opened(s=answering(tmp_path, tools_call=f"{long}\n{answer}"))

    assert (await call(servers, "s", "t")).text == "ok"
    assert "A line of its output is longer than 32 MiB, and was left out" in capsys.readouterr().err


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("depth", [300, 5_000, 100_000])
async def test_a_result_that_is_nested_too_deep_is_refused_and_the_call_is_not_repeated(
    opened: Callable[..., ToolServers], tmp_path: Path, depth: int, order: str
) -> None:
    result = '{"content": [], "structuredContent": {"a": NESTED}}'.replace("NESTED", "[" * depth + "]" * depth)
    servers = opened(s=answering(tmp_path, tools_call=order.replace("RESULT", result)))

    with pytest.raises(ToolRefused, match=r"^The server s answered t with what is no result: [^\n]*$"):
        await call(servers, "s", "t")


async def test_a_result_over_http_that_is_nested_too_deep_is_refused_in_plain_words(
    opened: Callable[..., ToolServers], remote: SessionServer
) -> None:
    remote.bodies = [b'{"jsonrpc": "2.0", "id": %d, "result": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"]

    with pytest.raises(ToolRefused, match=r"with what is no result: Invalid JSON: recursion limit exceeded at [^\[]*$"):
        await call(opened(remote=HttpServer(url=remote.url)), "remote", "note_key")
