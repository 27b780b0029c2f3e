"""The programs of the documents work with a running suite: a subscriber, and the replay of a recorded run."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import nats
import pytest

from perdure.values.run_id import default_run_id
from tests.support.command_line import perdure, published_run
from tests.support.documents import ROOT, block
from tests.support.perdure_up import decide, running, waiting_request

SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "greeting", tmp_path, dirs_exist_ok=True)
    (tmp_path / "follow.py").write_text(block("docs/publishing.md", "async def follow"))
    (tmp_path / "wait.py").write_text(block("docs/publishing.md", "async def publish_and_wait"))
    (tmp_path / "pyproject.toml").write_text(block("docs/testing.md", "[tool.pytest.ini_options]"))
    return tmp_path


def test_a_bot_follows_a_run_and_the_recorded_run_replays_through_changed_code(folder: Path) -> None:
    code, patched = (folder / "greetings.py").read_text(), block("docs/upgrading.md", "class Greeting")
    changed = patched.replace('workflow.patched("time-of-day")', "True")
    with running(folder):
        assert "permissions violation" in asyncio.run(refusal_without_a_key(server_of(folder)))
        assert "Subscription Violation" in (folder / ".perdure" / "logs" / "nats.log").read_text()
        with following(folder) as lines:
            wait_until_it_follows(folder, lines)
            publish(folder, "42")
            run = published_run("Greeting", "42")
            assert f"{run} 1 started" in until(lines, run, "waiting")
            opened = [replayed(folder, code, "--workflow", "Greeting") for code in (code, patched)]
            (folder / "greetings.py").write_text(code)
            assert decide(folder, "approve", "Greeting~42").returncode == 0
            assert until(lines, run, "completed")
        (folder / "histories").mkdir()
        (folder / "histories" / f"{run}.json").write_bytes(history(folder, run))

    recorded = [replayed(folder, code, "histories") for code in (code, patched, changed)]
    assert [it.returncode for it in opened + recorded] == [0, 0, 0, 0, 1]
    assert f"{run} (Greeting): Where the history has" in recorded[-1].stdout
    assert "the activity add_time_of_day at greetings.py:27" in recorded[-1].stdout


def test_a_program_publishes_and_waits_for_the_result(folder: Path) -> None:
    command = [sys.executable, "wait.py"]
    with running(folder), subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as program:
        assert decide(folder, "approve", waiting_request(folder)).returncode == 0
        output, _ = program.communicate(timeout=SECONDS)

    assert output == f"completed [('{default_run_id('Greeting', '43', 'perdure/client')}', 'Hello, Ada!')]\n"


@contextmanager
def following(folder: Path) -> Iterator[SimpleQueue[str]]:
    """Run the subscriber, and collect the lines that it prints."""
    lines = SimpleQueue[str]()
    environment = {**os.environ, "NATS_URL": server_of(folder)}
    command = [sys.executable, "follow.py"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        reader = Thread(target=collect, args=(follower.stdout, lines))
        reader.start()
        try:
            yield lines
        finally:
            follower.terminate()
            reader.join()


def collect(output: Iterable[str], lines: SimpleQueue[str]) -> None:
    for line in output:
        lines.put(line.strip())


def wait_until_it_follows(folder: Path, lines: SimpleQueue[str]) -> None:
    """Publish events until the subscriber shows one: what came before it subscribed, it does not show."""
    for number in range(SECONDS):
        publish(folder, f"early-{number}")
        try:
            lines.get(timeout=1)
        except Empty:
            continue
        return
    raise AssertionError("the subscriber shows nothing")


def until(lines: SimpleQueue[str], run: str, kind: str) -> list[str]:
    """Return the lines up to this fact of a run."""
    found = [lines.get(timeout=SECONDS)]
    while not (found[-1].startswith(f"{run} ") and found[-1].endswith(f" {kind}")):
        found.append(lines.get(timeout=SECONDS))
    return found


async def refusal_without_a_key(server: str) -> str:
    """Subscribe to progress as a client without an nkey, and return what the error callback gets."""
    refused = asyncio.get_running_loop().create_future()

    async def report(error: Exception) -> None:
        if not refused.done():
            refused.set_result(str(error))

    client = await nats.connect(server, error_cb=report)
    await client.subscribe("progress.>")
    try:
        return await asyncio.wait_for(refused, SECONDS)
    finally:
        await client.close()


def publish(folder: Path, event_id: str) -> None:
    assert perdure(folder, "publish", "people.arrived", '{"name": "Ada"}', "--id", event_id).returncode == 0


def server_of(folder: Path) -> str:
    return str(json.loads((folder / ".perdure" / "endpoints.json").read_text())["nats"])


def history(folder: Path, run: str) -> bytes:
    command = [sys.executable, "-m", "perdure.history", run]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=SECONDS).stdout


def replayed(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Replay against this code."""
    (folder / "greetings.py").write_text(code)
    return perdure(folder, "replay", *arguments)
