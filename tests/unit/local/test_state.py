import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure.errors import SetupError
from perdure.local.state import STATE_VERSION, Endpoints, State, read_endpoints

HOLDER = """
import sys
from pathlib import Path
from perdure.local.state import Endpoints, State

state = State(Path(sys.argv[1]))
with state.held():
    state.write_endpoints(Endpoints.model_validate_json(sys.argv[2]))
    print("held", flush=True)
    sys.stdin.read()
"""


def endpoints(pid: int) -> Endpoints:
    return Endpoints(pid=pid, nats="nats://127.0.0.1:4222", temporal="127.0.0.1:7233", services={}, pids={"nats": 7})


@contextmanager
def another_suite(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder."""
    told = endpoints(os.getpid()).model_dump_json()
    command = [sys.executable, "-c", HOLDER, str(folder), told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_a_folder_has_one_suite_and_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        another_suite(tmp_path) as holder,
        pytest.raises(SetupError, match=rf"already runs on .*\(process {holder.pid}\)"),
        State(tmp_path).held(),
    ):
        pytest.fail("two suites hold one folder")


def test_a_refused_suite_leaves_the_other_alone(tmp_path: Path) -> None:
    with another_suite(tmp_path):
        for _ in range(2):
            with pytest.raises(SetupError, match="already runs"), State(tmp_path).held():
                pytest.fail("two suites hold one folder")

        assert read_endpoints(tmp_path) == endpoints(os.getpid())


def test_a_killed_holder_lets_go_by_itself(tmp_path: Path) -> None:
    with another_suite(tmp_path) as holder:
        holder.kill()
        holder.wait()

        with State(tmp_path).held():
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_folder_that_is_new_gets_the_version_of_its_layout(tmp_path: Path) -> None:
    with State(tmp_path / "deep" / "state").held():
        assert (tmp_path / "deep" / "state" / "version").read_text() == str(STATE_VERSION)


def test_a_folder_of_a_newer_perdure_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(str(STATE_VERSION + 1))

    with pytest.raises(SetupError, match="upgrade Perdure"), State(tmp_path).held():
        pytest.fail("a newer folder was used")

    assert (tmp_path / "version").read_text() == str(STATE_VERSION + 1)


def test_ports_are_remembered_from_suite_to_suite(tmp_path: Path) -> None:
    assert State(tmp_path).remembered_ports() == {}

    State(tmp_path).remember_ports({"nats": 4222})

    assert State(tmp_path).remembered_ports() == {"nats": 4222}


def test_clients_find_a_suite_while_it_runs_and_not_afterwards(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.held():
        state.write_endpoints(endpoints(os.getpid()))
        found = read_endpoints(tmp_path)

    assert found == endpoints(os.getpid())
    assert read_endpoints(tmp_path) is None


def test_what_a_killed_suite_told_is_not_believed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    State(tmp_path).write_endpoints(endpoints(gone.pid))

    assert read_endpoints(tmp_path) is None


def test_what_cannot_be_read_is_no_suite(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"pid": ')

    assert read_endpoints(tmp_path) is None
