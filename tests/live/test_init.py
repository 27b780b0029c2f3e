"""What ``perdure init`` writes runs as it is: its tests, and a suite on it."""

import json
import re
import shlex
import subprocess
import time
from pathlib import Path

from tests.support.binaries import binary
from tests.support.command_line import perdure
from tests.support.perdure_up import running, waiting_request


def test_the_written_tests_pass_and_the_printed_commands_work(tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    *_, publish = perdure(tmp_path, "init", "hello").stdout.splitlines()

    tests = subprocess.run([binary("pytest"), "-q"], cwd=folder, capture_output=True, text=True, check=False)
    with running(folder):
        published = perdure(folder, *shlex.split(publish, comments=True)[1:])
        approved = perdure(folder, "approve", waiting_request(folder))
        runs = perdure(folder, "runs", "--json")
        run = json.loads(runs.stdout.splitlines()[0])["workflow_id"]
        result = perdure(folder, "result", run, "--wait")
        broken = perdure(folder, "publish", "people.arrived", "{}", "--id", "nobody")
        failed = perdure(folder, "result", _run_of(folder, "nobody"), "--wait")

    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout
    assert published.returncode == 0, published.stderr
    assert approved.returncode == 0, approved.stderr
    assert (result.returncode, result.stdout) == (0, '"Hello, Ada!"\n')
    assert broken.returncode == 0, broken.stderr
    assert failed.returncode == 1
    assert "KeyError: 'name' (greetings.py:" in failed.stdout + failed.stderr
    assert re.search(
        r'hello/greetings.py\\", line \d+, in run', (folder / ".perdure/logs/orchestrator.log").read_text()
    )


def _run_of(folder: Path, event_id: str) -> str:
    """Return the id of the run that an event started, waiting up to a minute for it."""
    for _ in range(300):
        runs = [json.loads(line) for line in perdure(folder, "runs", "--json").stdout.splitlines()]
        if found := [run["workflow_id"] for run in runs if run["event_id"] == event_id]:
            return str(found[0])
        time.sleep(0.1)
    raise AssertionError(f"no run of {event_id} has begun")
