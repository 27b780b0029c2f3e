"""SIGHUP to ``perdure up``: of a terminal that was closed it stops the suite; of somebody else it is a deploy."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.support.command_line import perdure
from tests.support.ports import give_ports
from tests.support.suite import left_behind
from tests.support.up_terminal import up_terminal

GREETING = Path(__file__).parents[2] / "examples" / "greeting"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(GREETING, tmp_path, dirs_exist_ok=True)
    give_ports(tmp_path / ".perdure")
    return tmp_path


def test_a_closed_terminal_stops_the_suite_and_any_other_hangup_is_a_deploy(folder: Path) -> None:
    with up_terminal(folder) as opened:
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
    with up_terminal(folder, ignores_hangups=True) as opened:
        opened.close()
        with (folder / "greetings.py").open("a") as module:
            module.write("\nVERSION = 'two'\n")
        deployed = perdure(folder, "deploy")
        runs_on = opened.up.poll() is None

    assert (deployed.returncode, runs_on) == (0, True), deployed.stdout + deployed.stderr
    assert "is rolled out" in deployed.stdout
