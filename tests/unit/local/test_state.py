import os
from concurrent.futures import ThreadPoolExecutor
from errno import EACCES
from pathlib import Path
from threading import Event

import pytest

from perdure.errors import SetupError
from perdure.local.state import STATE_VERSION, State, read_endpoints
from tests.support.state_holder import another_suite, endpoints


def test_a_second_suite_on_a_folder_is_refused_with_the_process_id_of_the_first(tmp_path: Path) -> None:
    with (
        another_suite(tmp_path) as holder,
        pytest.raises(SetupError, match=rf"already runs on .*\(process {holder.pid}\)"),
        State(tmp_path).locked(),
    ):
        pytest.fail("two suites locked one folder")


def test_a_refused_suite_leaves_the_other_alone(tmp_path: Path) -> None:
    with another_suite(tmp_path) as holder:
        for _ in range(2):
            with pytest.raises(SetupError, match="already runs"), State(tmp_path).locked():
                pytest.fail("two suites locked one folder")

        assert read_endpoints(tmp_path) == endpoints(holder.pid)


def test_the_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    with another_suite(tmp_path) as holder:
        holder.kill()
        holder.wait()

        with State(tmp_path).locked():
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_new_folder_gets_the_current_state_version(tmp_path: Path) -> None:
    with State(tmp_path / "deep" / "state").locked():
        assert (tmp_path / "deep" / "state" / "version").read_text() == str(STATE_VERSION)


def test_a_folder_of_a_newer_perdure_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    (tmp_path / "version").write_text(str(STATE_VERSION + 1))

    with pytest.raises(SetupError, match="upgrade Perdure"), State(tmp_path).locked():
        pytest.fail("a newer folder was used")

    assert (tmp_path / "version").read_text() == str(STATE_VERSION + 1)


def test_ports_are_remembered_between_starts(tmp_path: Path) -> None:
    assert State(tmp_path).remembered_ports() == {}

    State(tmp_path).remember_ports({"nats": 4222})

    assert State(tmp_path).remembered_ports() == {"nats": 4222}


def test_clients_find_a_suite_only_while_it_runs(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.locked():
        state.write_endpoints(endpoints(os.getpid()))
        found = read_endpoints(tmp_path)

    assert found == endpoints(os.getpid())
    assert read_endpoints(tmp_path) is None


def test_the_endpoints_of_a_killed_suite_are_ignored_whoever_has_its_process_id_now(tmp_path: Path) -> None:
    with another_suite(tmp_path) as holder:
        holder.kill()
    State(tmp_path).write_endpoints(endpoints(os.getpid()))

    assert read_endpoints(tmp_path) is None


def test_the_endpoints_of_a_killed_suite_are_not_those_of_the_next_one_that_starts(tmp_path: Path) -> None:
    State(tmp_path).write_endpoints(endpoints(os.getppid()))

    with State(tmp_path).locked():
        assert read_endpoints(tmp_path) is None


def test_a_suite_starts_while_commands_look_for_one(tmp_path: Path) -> None:
    def look() -> None:
        while not done.is_set():
            read_endpoints(tmp_path)

    State(tmp_path).write_endpoints(endpoints(os.getpid()))
    (tmp_path / "lock").touch()
    done = Event()
    with ThreadPoolExecutor() as commands:
        looking = [commands.submit(look) for _ in range(4)]
        try:
            for _ in range(300):
                with State(tmp_path).locked():
                    pass
                State(tmp_path).write_endpoints(endpoints(os.getpid()))
        finally:
            done.set()

    assert [it.exception() for it in looking] == [None] * 4


def test_a_folder_of_somebody_else_is_reported_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path) -> bytes:
        raise PermissionError(EACCES, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(SetupError, match=r"endpoints\.json cannot be read: permission denied\. .* --state"):
        read_endpoints(tmp_path)


def test_endpoints_that_are_invalid_json_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "endpoints.json").write_text('{"pid": ')

    assert read_endpoints(tmp_path) is None


@pytest.mark.parametrize("folder", ["file", "file/below", "/dev/null/x", "/proc/self/fdinfo/x"])
def test_a_folder_that_cannot_be_used_is_reported_in_a_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(SetupError, match=r"The state folder .* cannot be used: .* --state"),
        State(tmp_path / folder).locked(),
    ):
        pytest.fail("it was used")


@pytest.mark.parametrize("name", ["version", "ports.json"])
def test_a_damaged_file_of_the_state_is_reported_in_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{")

    with pytest.raises(SetupError, match=f"{name} is damaged"), State(tmp_path).locked():
        State(tmp_path).remembered_ports()


def test_commands_take_a_file_in_place_of_the_state_folder_for_no_suite(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert read_endpoints(tmp_path / "file") is None
