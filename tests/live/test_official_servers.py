"""The official MCP servers, from npm and PyPI, over stdio and streamable HTTP, and recovery from their failures."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from tests.support.ports import free_port
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

HERE: Final = Path(__file__).parents[1] / "support"
NPM: Final = Path(sys.prefix) / "npm" / "node_modules" / ".bin"
KEY: Final = "sk-no-server-is-given-this-9876543210"


def official(name: str) -> str:
    """Return the path of a server that ``make test`` installs."""
    assert NPM.exists(), "The servers from npm are not installed: run `make test`"
    return str(NPM / f"mcp-server-{name}")


def configuration(folder: Path, port: int) -> dict[str, Any]:
    shutil.copy(HERE / "errands.py", folder)
    files = folder / "files"
    files.mkdir()
    return {
        "workflows": ["errands"],
        "routes": [{"on": "errands.sent", "start": "Errand"}],
        "mcp": {
            "servers": {
                "filesystem": {"command": official("filesystem"), "args": [str(files)]},
                "memory": {
                    "command": official("memory"),
                    "env": {"MEMORY_FILE_PATH": str(folder / "memory.jsonl")},
                },
                "everything": {"command": official("everything"), "args": ["stdio"], "call_timeout": "4s"},
                "everything_http": {"url": f"http://127.0.0.1:{port}/mcp", "call_timeout": "4s"},
                "time": {"command": sys.executable, "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"]},
                "git": {"command": sys.executable, "args": ["-m", "mcp_server_git"]},
            }
        },
    }


@asynccontextmanager
async def served(port: int) -> AsyncIterator[None]:
    """Run the server "everything" over HTTP."""
    process = await asyncio.create_subprocess_exec(
        official("everything"),
        "streamableHttp",
        env={"PATH": os.environ["PATH"], "PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            while not await _accepts(port):
                await asyncio.sleep(0.1)
        yield
    finally:
        process.kill()
        await process.wait()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def send(here: World, name: str, servers: list[str], *calls: tuple[str, Any], **more: str) -> None:
    errand = {"servers": servers, "calls": calls, **more}
    await here.publish("errands.sent", json.dumps(errand).encode(), Nats_Msg_Id=name)


def processes(here: World, name: str) -> list[psutil.Process]:
    """Return the processes of one of the worker's servers."""
    worker = psutil.Process(here.suite.endpoints.pids["orchestrator"])
    return [one for one in worker.children(recursive=True) if name in " ".join(one.cmdline())]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a git repository without a commit."""
    folder = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)  # noqa: S607 (any git will do)
    return folder


async def test_each_official_server_works_over_its_transports(
    world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    port, note = free_port(), str(tmp_path / "files" / "note.md")
    everything: tuple[tuple[str, Any], ...] = (
        ("get-sum", {"a": 2, "b": 40}),
        ("get-tiny-image", {}),
        ("get-structured-content", {"location": "Chicago"}),
        ("get-env", {}),
        ("trigger-long-running-operation", {"duration": 1, "steps": 2}),
        ("get-sum", {"a": "two", "b": 40}),
    )
    static = "demo://resource/static/document/features.md"
    async with served(port), world(**configuration(tmp_path, port)) as here:
        for name in ("everything", "everything_http"):
            await send(here, name, [name], *everything, resource=static, prompt="simple-prompt")
        await send(
            here,
            "files",
            ["filesystem", "memory"],  # an agent of several servers
            ("write_file", {"path": note, "content": "one\ntwo\n"}),
            ("edit_file", {"path": note, "edits": [{"oldText": "two", "newText": "three"}]}),
            ("read_text_file", {"path": note}),
            ("create_entities", {"entities": [{"name": "Ada", "entityType": "person", "observations": ["counts"]}]}),
            ("search_nodes", {"query": "counts"}),
            ("read_text_file", {"path": "/etc/hostname"}),
        )
        times = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
        await send(
            here, "time", ["time", "git"], ("convert_time", times), ("git_status", {"repo_path": str(repository)})
        )
        facts = await here.completed(4)

    for name in ("everything", "everything_http"):
        published = facts[f"Errand~{name}"]
        total, image, weather, variables, long_one, wrong, resource, prompt = results_of(published[-1].result)
        assert "42" in total["text"]
        assert [part["type"] for part in image["other"]] == ["image"]
        assert weather["structured"]["conditions"]
        assert "PATH" in variables["text"]
        assert KEY not in variables["text"]
        assert "completed" in long_one["text"]
        assert any(fact.kind == "note" and fact.result == "1 of 2" for fact in published)
        assert wrong["is_error"]
        assert resource[0]["text"]
        assert prompt[0]["role"] == "user"
        assert gaps(published) == set()
    *_, read, _, found, outside = results_of(facts["Errand~files"][-1].result)
    assert read["text"] == "one\nthree\n"
    assert "Ada" in found["text"]
    assert outside["is_error"]
    assert "denied" in outside["text"]
    converted, status = results_of(facts["Errand~time"][-1].result)
    assert "21:00" in converted["text"]
    assert "On branch main" in status["text"]


async def test_sessions_are_reopened_after_a_crash_a_hang_and_a_restart_of_a_server(
    world: OpenWorld, tmp_path: Path
) -> None:
    port = free_port()
    again = ("trigger-long-running-operation", {"duration": 2, "steps": 4})
    async with world(**configuration(tmp_path, port)) as here:
        async with served(port):
            for name in ("everything", "everything_http"):
                await send(here, name, [name], *[again] * 3)
            await steps(here, 2)
            (crashed,) = processes(here, "server-everything")
            crashed.kill()
        async with served(port):
            await steps(here, 4)
            (hung,) = processes(here, "server-everything")
            hung.send_signal(signal.SIGSTOP)
            facts = await here.completed(2)
        assert crashed.pid != hung.pid
        assert not hung.is_running()

    for published in facts.values():
        assert all("completed" in answer["text"] for answer in results_of(published[-1].result))
        assert gaps(published) == set()


async def steps(here: World, count: int) -> None:
    """Wait until so many steps have begun, and a note of the last shows that its server works on it."""
    begun = 0
    async with asyncio.timeout(40):
        async for message in here.bus.subscribe("progress.>", replay=True):
            kind = json.loads(message.raw.body)["kind"]
            begun += kind == "step_started"
            if begun >= count and kind == "note":
                return


def results_of(result: Any) -> list[Any]:
    assert isinstance(result, list)
    return result
