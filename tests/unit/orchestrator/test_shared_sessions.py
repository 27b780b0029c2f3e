"""What calls of one server share: its session, the attempt to open one, and the failure of that."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import pytest_asyncio

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure_orchestrator.activities.step_notes import StepNotes, note_publisher, step_notes
from perdure_orchestrator.agents.tool_servers import ToolServers
from tests.support.odd_servers import odd
from tests.support.session_server import serving

Serve = Callable[..., ToolServers]


@pytest_asyncio.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    opened: list[ToolServers] = []

    def serve(**servers: Any) -> ToolServers:
        opened.append(ToolServers(servers, tmp_path / "folders"))
        return opened[-1]

    yield serve
    for servers in opened:
        await servers.close()


def hanging(log: Path) -> StdioServer:
    """Return a server that writes a line at each start, and nothing else."""
    script = f"echo started >> {log}; while read line; do :; done"
    return StdioServer(command="/bin/sh", args=("-c", script), start_timeout=timedelta(seconds=2))


def starts(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


async def call(servers: ToolServers, name: str, key: str) -> ToolResult:
    found, tool = await servers.find([name], "note_key")
    return await found.call(ToolRequest(servers=(name,), tool=tool.name, arguments={}), tool.name, idempotency_key=key)


async def test_all_who_wait_for_a_hanging_server_share_one_attempt_and_its_failure(
    serve: Serve, tmp_path: Path
) -> None:
    log = tmp_path / "starts"
    servers = serve(hanging=hanging(log))

    waiting = [servers.offers(["hanging"]) for _ in range(20)]
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 10)
    later = await asyncio.wait_for(servers.offers(["hanging"]), 1)

    assert {str(answer.failed["hanging"]).partition(" 2 s")[0] for answer in [*answers, later]} == {
        "The MCP server hanging does not start within"
    }
    assert starts(log) == 1


async def test_all_runs_that_wait_for_a_slow_server_get_notes_and_share_its_start(tmp_path: Path) -> None:
    log, done = tmp_path / "starts", tmp_path / "done"
    program = Path(__file__).parents[2] / "support" / "odd_server.py"
    wait = f"echo started >> {log}; echo unpacking >&2; until [ -e {done} ]; do sleep 0.05; done; exec {sys.executable}"
    slow = StdioServer(command="/bin/sh", args=("-c", f"{wait} {program} '[]'"))
    servers = ToolServers({"slow": slow}, tmp_path / "folders", notes=note_publisher)
    notes: dict[int, list[str]] = {0: [], 1: []}

    async def run(number: int) -> None:
        async def note(text: str, _: int) -> None:
            notes[number].append(text)
            if all(notes.values()):
                done.touch()

        with step_notes(StepNotes(note)):
            assert not (await servers.offers(["slow"])).failed

    await asyncio.gather(run(0), run(1))
    await servers.close()

    pattern = r"The MCP server slow is still starting: \d+ s of 2m\. Its last output: unpacking"
    assert [re.fullmatch(pattern, texts[0]) is not None for texts in notes.values()] == [True, True]
    assert starts(log) == 1


async def test_one_cancelled_caller_ends_no_attempt_of_others(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "starts"
    servers = serve(hanging=hanging(log))
    first, second = (asyncio.create_task(servers.offers(["hanging"])) for _ in range(2))
    while not starts(log):
        await asyncio.sleep(0.01)

    first.cancel()
    answer = await second

    assert isinstance(answer.failed["hanging"], Unavailable)
    assert (first.cancelled(), starts(log)) == (True, 1)


async def test_a_call_does_not_wait_for_another_server_that_starts(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "starts"
    tool = {"name": "read", "inputSchema": {"type": "object"}, "result": {"content": []}}
    servers = serve(healthy=odd(tool), hanging=hanging(log))
    servers.named(["hanging"])[0].last_list = []  # it was up before
    await servers.offers(["healthy"])

    server, _ = await servers.find(["hanging", "healthy"], "read")

    assert (server.name, starts(log)) == ("healthy", 0)


@pytest.mark.parametrize("refusal", [401, 403])
async def test_a_refused_call_ends_no_other_call_of_its_session_and_repeats_none(serve: Serve, refusal: int) -> None:
    began, done = Event(), Event()
    with serving() as server:
        servers = serve(legacy=HttpServer(url=server.url))
        await call(servers, "legacy", "first")
        answer = server.answer

        def slow(request: dict[str, Any], session: str | None) -> tuple[int, dict[str, Any] | None]:
            found = answer(request, session)
            if request["method"] == "tools/call" and server.keys[-1] == "slow":
                began.set()
                done.wait(20)
            return found

        server.answer = slow  # type: ignore[method-assign]
        slow_call = asyncio.create_task(call(servers, "legacy", "slow"))
        await asyncio.to_thread(began.wait, 20)
        server.failures = [(refusal, None)]
        await call(servers, "legacy", "refused")
        done.set()

        assert not (await slow_call).is_error
        assert server.keys == ["first", "slow", "refused", "refused"]


async def test_a_change_that_a_busy_server_did_not_list_is_listed_later(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure_orchestrator.agents.session._RESPONDS_WITHIN", 0.1)
    monkeypatch.setattr("perdure_orchestrator.agents.list_changes._AGAIN_AFTER", 0.1)
    (tmp_path / "pages").write_text('[["swap", "old"]]')
    program, idle = Path(__file__).parents[2] / "support" / "listing_server.py", tmp_path / "idle"
    command = {"command": sys.executable, "args": (str(program), str(tmp_path / "pages")), "env": {"BUSY": str(idle)}}
    servers = serve(shop=StdioServer.model_validate(command))

    async def offered() -> list[str]:
        return [*(await servers.offers(["shop"])).tools]

    server, _ = await servers.find(["shop"], "swap")
    swap = ToolRequest(servers=("shop",), tool="swap", arguments={"pages": [["swap", "new"]]})
    await server.call(swap, "swap", idempotency_key="k")
    assert await offered() == ["swap", "old"]

    idle.touch()
    async with asyncio.timeout(20):
        while await offered() != ["swap", "new"]:
            await asyncio.sleep(0.05)
