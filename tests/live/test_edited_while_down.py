"""Ctrl-C, an edit, and `perdure up` again while runs are open: nothing is lost, and each run is accounted for."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide
from tests.support.ports import give_ports
from tests.support.up_terminal import UpTerminal, up_terminal

OLD: Final = (Path(__file__).parents[1] / "support" / "rolling.py").read_text()
NEW: Final = OLD.replace('VERSION = "one"', 'VERSION = "two"').replace("# one more step", 'await do("between")')
FITS: Final = ("fits-1",)
DIFFERS: Final = ("differs-1", "differs-2")
RUNS: Final = FITS + DIFFERS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with two workflows whose runs wait for a person."""
    routes = [{"on": f"roll.{kind}", "start": kind.title(), "workflow_id": "{id}"} for kind in ("fits", "differs")]
    (tmp_path / "perdure.yaml").write_text(yaml.safe_dump({"workflows": ["rolling"], "routes": routes}))
    (tmp_path / "rolling.py").write_text(OLD)
    give_ports(tmp_path / ".perdure")
    monkeypatch.setenv("WORKSHOP_LOG", str(tmp_path / "executions.log"))
    return tmp_path


def begin(folder: Path) -> str:
    """Start the runs, wait until each waits for a person, and return their version."""
    for run in RUNS:
        published = perdure(folder, "publish", f"roll.{run[:-2]}", "{}", "--id", run)
        assert published.returncode == 0, published.stderr
    until(lambda: len(requests(folder)) == len(RUNS))
    (version,) = printed(perdure(folder, "versions", "--json"))
    return str(version["build"])


def requests(folder: Path) -> dict[str, str]:
    """Return the open requests by run."""
    return {it["workflow_id"]: it["request_id"] for it in printed(perdure(folder, "approvals", "list", "--json"))}


def approve(folder: Path, *runs: str) -> None:
    for run, request in requests(folder).items():
        if run in runs:
            assert decide(folder, "approve", request).returncode == 0


def results(folder: Path, *runs: str) -> list[str]:
    return [json.loads(perdure(folder, "result", run, "--wait").stdout) for run in runs]


def steps(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (folder / "executions.log").read_text().splitlines():
        run, step, _ = line.split()
        found.setdefault(run, []).append(step)
    return found


def until(fact: Any) -> None:
    for _ in range(300):
        if fact():
            return
        time.sleep(0.2)
    raise AssertionError("it has not become true")


def about(run: str, lines: list[str]) -> list[str]:
    return [line for line in lines if f" {run} " in line]


def assert_named(lines: list[str], old: str) -> None:
    """Check that ``up`` names each run, and for those that stay the line that differs."""
    for run in FITS:
        assert about(run, lines) == [f"✓ {run} moved from {old}"]
    for run in DIFFERS:
        (line,) = about(run, lines)
        assert line.startswith(f"! {run} stays on {old}: rolling.py:")
        assert line.endswith(".")


def stopped_and_edited(folder: Path) -> str:
    """Run the old code until the runs are open, press Ctrl-C, edit the code, and return the old version."""
    with up_terminal(folder) as terminal:
        old = begin(folder)
        assert terminal.press_ctrl_c() == 0
    (folder / "rolling.py").write_text(NEW)
    return old


def rolled_out(terminal: UpTerminal) -> list[str]:
    return terminal.read_until("stay where they are")


def test_runs_that_replay_go_on_with_the_edit_and_the_others_with_the_code_before_it(folder: Path) -> None:
    old = stopped_and_edited(folder)
    with up_terminal(folder) as terminal:
        lines = rolled_out(terminal)
        asked = requests(folder)
        approve(folder, *RUNS)

        assert results(folder, *RUNS) == ["fits two", "differs one", "differs one"]
        retired = terminal.read_until("was stopped")

    assert set(asked) == set(RUNS)
    assert any(line.endswith(": 1 of 3 open runs replay") for line in lines)
    assert_named(lines, old)
    assert lines[-1].endswith(" is rolled out: 1 open run moved, 2 stay where they are")
    assert any(f"■ version {old} has no open run any more, and was stopped" in line for line in retired)
    assert steps(folder) == {run: ["before", "after"] for run in RUNS}


def test_runs_whose_code_is_not_kept_wait_for_the_command_that_up_prints(folder: Path) -> None:
    old = stopped_and_edited(folder)
    shutil.rmtree(folder / ".perdure" / "versions")
    with up_terminal(folder) as terminal:
        lines = rolled_out(terminal)
        approve(folder, *FITS)
        early = decide(folder, "approve", requests(folder)["differs-1"])
        assert results(folder, *FITS) == ["fits two"]
        during = steps(folder)
        (line,) = [it for it in lines if f"version {old} does not run" in it]
        with running(line.partition("run there: ")[2], elsewhere(folder)):
            approve(folder, "differs-2")
            assert results(folder, *DIFFERS) == ["differs one", "differs one"]

    assert (early.returncode, "do not repeat it" in early.stderr) == (3, True), early.stderr
    assert line.startswith(f"✗ version {old} does not run, and 3 open runs wait for it: The code of version {old} is")
    assert_named(lines, old)
    assert during == {run: ["before", "after"] if run in FITS else ["before"] for run in RUNS}
    assert steps(folder) == {run: ["before", "after"] for run in RUNS}


def elsewhere(folder: Path) -> Path:
    """Put the old code into another folder, and return that."""
    other = folder / "former"
    other.mkdir()
    shutil.copy(folder / "perdure.yaml", other)
    (other / "rolling.py").write_text(OLD)
    return other


@contextmanager
def running(command: str, folder: Path) -> Iterator[None]:
    """Run a command in a folder, as a shell does, until the block ends."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(["/bin/sh", "-c", f"exec env {command}"], cwd=folder, env={**os.environ, "PATH": path})
    try:
        yield
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(60)
