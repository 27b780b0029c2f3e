"""What ``perdure init`` writes runs as it is: its tests, and a suite on it."""

import json
import shlex
import subprocess
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

    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout
    assert published.returncode == 0, published.stderr
    assert approved.returncode == 0, approved.stderr
    assert (result.returncode, result.stdout) == (0, '"Hello, Ada!"\n')
