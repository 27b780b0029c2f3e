"""SIGHUP to ``perdure up``: of a terminal that was closed it stops the suite; of somebody else it is a deploy."""

import fcntl
import os
import pty
import select
import shutil
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.binaries import binary
from tests.support.command_line import perdure
from tests.support.ports import give_ports
from tests.support.suite import left_behind

GREETING = Path(__file__).parents[2] / "examples" / "greeting"


class Terminal:
    """A terminal with ``perdure up`` in its foreground."""

    def __init__(self, folder: Path, *, ignores_hangups: bool) -> None:
        self._ours, its = pty.openpty()

        def control() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignores_hangups:  # as nohup does
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.up = subprocess.Popen(
            [binary("perdure"), "up"],
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=folder,
            start_new_session=True,
            preexec_fn=control,  # noqa: PLW1509 (no other thread holds a lock that it takes)
        )
        os.close(its)

    def read_until(self, text: str) -> None:
        shown = ""
        while text not in shown:
            ready, _, _ = select.select([self._ours], [], [], 60)
            assert ready, f"it shows only: {shown}"
            shown += os.read(self._ours, 4096).decode()

    def close(self) -> None:
        os.close(self._ours)


@contextmanager
def terminal(folder: Path, *, ignores_hangups: bool = False) -> Iterator[Terminal]:
    found = Terminal(folder, ignores_hangups=ignores_hangups)
    try:
        found.read_until("Try: perdure publish")
        yield found
    finally:
        found.up.terminate()
        found.up.wait(40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(GREETING, tmp_path, dirs_exist_ok=True)
    give_ports(tmp_path / ".perdure")
    return tmp_path


def test_a_closed_terminal_stops_the_suite_and_any_other_hangup_is_a_deploy(folder: Path) -> None:
    with terminal(folder) as opened:
        with (folder / "greetings.py").open("a") as module:
            module.write("\nVERSION = 'two'\n")
        opened.up.send_signal(signal.SIGHUP)
        opened.read_until("is rolled out")
        runs_on = opened.up.poll() is None
        opened.close()
        code = opened.up.wait(40)

    assert runs_on
    assert code == 0
    assert left_behind(folder) == []


def test_a_suite_that_ignores_hangups_outlives_its_terminal_and_takes_deploys(folder: Path) -> None:
    with terminal(folder, ignores_hangups=True) as opened:
        opened.close()
        with (folder / "greetings.py").open("a") as module:
            module.write("\nVERSION = 'two'\n")
        deployed = perdure(folder, "deploy")
        runs_on = opened.up.poll() is None

    assert (deployed.returncode, runs_on) == (0, True), deployed.stdout + deployed.stderr
    assert "is rolled out" in deployed.stdout
