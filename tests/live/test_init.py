"""What ``perdure init`` writes runs as it is: its tests, and a suite on it."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.support.binaries import binary
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import running, waiting_request


def test_the_written_tests_pass_and_the_printed_commands_work(tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    *_, publish = perdure(tmp_path, "init", "hello").stdout.splitlines()

    tests = subprocess.run([binary("pytest"), "-q"], cwd=folder, capture_output=True, text=True, check=False)
    with running(folder):
        published = perdure(folder, *shlex.split(publish, comments=True)[1:])
        approved = perdure(folder, "approve", waiting_request(folder))
        (run,) = printed(perdure(folder, "runs", "list", "--json"))
        result = perdure(folder, "result", run["workflow_id"], "--wait")
        broken = perdure(folder, "publish", "people.arrived", "{}", "--id", "nobody", "--wait")
        failed = perdure(folder, "result", "nobody", "--wait")

    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout
    assert published.returncode == 0, published.stderr
    assert approved.returncode == 0, approved.stderr
    assert (result.returncode, result.stdout) == (0, '"Hello, Ada!"\n')
    assert broken.returncode == 1, broken.stderr
    assert failed.returncode == 1
    assert "KeyError: 'name' (greetings.py:" in failed.stdout + failed.stderr
    assert re.search(
        r'hello/greetings.py\\", line \d+, in run', (folder / ".perdure/logs/orchestrator.log").read_text()
    )
