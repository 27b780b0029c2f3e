"""Two suites on one machine that want the same ports: both run, and each knows its own house.

``ROUNDS=20`` starts them twenty times.
"""

import json
import os
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from perdure.local.state import Endpoints, read_endpoints
from tests.support.command_line import perdure, printed, published_run
from tests.support.perdure_up import running, starting, wait_until_up
from tests.support.ports import give_ports

ROUNDS: Final = int(os.environ.pop("ROUNDS", "1"))  # taken away: `perdure` refuses variables that it does not know
EXAMPLES: Final = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two users' folders that remember the same ports."""
    first, second = (shutil.copytree(EXAMPLES / "greeting", tmp_path / name) for name in ("first", "second"))
    give_ports(first / ".perdure")
    (second / ".perdure").mkdir()
    shutil.copy(first / ".perdure/ports.json", second / ".perdure/ports.json")
    return first, second


def endpoints(folder: Path) -> Endpoints:
    found = read_endpoints(folder / ".perdure")
    assert found is not None
    return found


def addresses(folder: Path) -> set[str]:
    found = endpoints(folder)
    return {found.nats, found.temporal, str(found.temporal_ui), *found.services.values()}


def assert_well(folder: Path) -> None:
    checked = perdure(folder, "doctor")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.timeout(300 + 120 * ROUNDS)
def test_two_suites_that_start_in_the_same_moment_both_run_and_each_doctor_is_right(
    folders: tuple[Path, Path],
) -> None:
    for number in range(ROUNDS):
        with ExitStack() as stack:
            suites = [stack.enter_context(starting(folder)) for folder in folders]
            for suite in suites:
                wait_until_up(suite)
            first, second = map(addresses, folders)

            assert first & second == set()
            for folder in folders:
                assert_well(folder)
                event = (folder.name, f"{folder.name}-{number}")
                published = perdure(
                    folder, "publish", "people.arrived", json.dumps({"name": event[0]}), "--id", event[1]
                )
                assert published.returncode == 0, published.stderr
    for folder in folders:
        with running(folder):
            runs = {run["workflow_id"] for run in printed(perdure(folder, "runs", "list", "--json"))}

        assert runs == {published_run("Greeting", f"{folder.name}-{number}") for number in range(ROUNDS)}


def test_a_suite_that_starts_while_a_service_of_another_restarts_does_not_take_its_port(
    folders: tuple[Path, Path],
) -> None:
    first, second = folders
    with running(first):
        before = addresses(first)
        for name in ("orchestrator", "ingest"):
            os.kill(endpoints(first).pids[name], signal.SIGKILL)
        with running(second):
            assert addresses(first) == before
            assert addresses(first) & addresses(second) == set()
            assert_well(second)
            assert_well(first)
