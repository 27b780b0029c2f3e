"""The supervisor with real programs, small ones."""

import asyncio
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from perdure.cli.up import show
from perdure.errors import SetupError
from perdure.local.supervisor import Died, Ready, Stopped, supervised
from tests.support.programs import Happenings, program, steady
from tests.support.suite import left_behind


async def test_a_suite_is_open_when_every_part_of_it_is_ready(tmp_path: Path) -> None:
    happenings = Happenings()
    parts = [steady(tmp_path, name) for name in ("nats", "ingest")]

    async with supervised(parts, tmp_path / "logs", happenings.tell) as supervisor:
        ready = {one.name: one.where for one in happenings.told if isinstance(one, Ready)}

        assert ready == {name: f"{tmp_path}/{name}" for name in ("nats", "ingest")}
        assert all(psutil.pid_exists(supervisor.pid(name)) for name in ready)


async def test_a_suite_is_stopped_in_reverse_and_leaves_nothing_behind(tmp_path: Path) -> None:
    happenings = Happenings()
    names = ["nats", "temporal", "orchestrator", "ingest"]

    async with supervised([steady(tmp_path, name) for name in names], tmp_path / "logs", happenings.tell):
        pass

    assert (tmp_path / "ended").read_text().split() == names[::-1]
    assert [one.name for one in happenings.told if isinstance(one, Stopped)] == names[::-1]
    assert left_behind(tmp_path) == []


async def test_a_part_that_dies_is_brought_back_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    happenings = Happenings()
    async with supervised(
        [steady(tmp_path, "nats"), steady(tmp_path, "ingest")], tmp_path / "logs", happenings.tell
    ) as supervisor:
        before = {name: supervisor.pid(name) for name in ("nats", "ingest")}

        supervisor.kill("ingest")
        died = await happenings.nth(Died, 1)
        await happenings.nth(Ready, 3)

        assert isinstance(died, Died)
        assert (died.name, died.how) == ("ingest", "SIGKILL")
        assert supervisor.restarts("ingest") == 1
        assert supervisor.pid("ingest") != before["ingest"]
        assert (supervisor.pid("nats"), supervisor.restarts("nats")) == (before["nats"], 0)
    show(died)
    assert "ingest        died (SIGKILL); back in 0.1 s" in capsys.readouterr().out


async def test_a_part_that_dies_again_and_again_comes_back_ever_later(tmp_path: Path) -> None:
    happenings = Happenings()
    restless = program(tmp_path, "ingest", "if [ -e once ]; then exit 3; fi; touch once ingest; sleep 1000 & wait")
    async with supervised([restless], tmp_path / "logs", happenings.tell) as supervisor:
        supervisor.kill("ingest")

        last = await happenings.nth(Died, 4)

    deaths = [one for one in happenings.told if isinstance(one, Died)][:4]
    assert [one.how for one in deaths] == ["SIGKILL", "exit 3", "exit 3", "exit 3"]
    assert [one.seconds for one in deaths] == [0.1, 0.2, 0.4, 0.8]
    assert last is deaths[-1]


@pytest.mark.parametrize("words", ["no such folder", '{"level": "critical", "event": "no such folder"}'])
async def test_a_suite_whose_part_cannot_start_gives_up_with_its_last_words(tmp_path: Path, words: str) -> None:
    broken = program(tmp_path, "ingest", f"echo '{words}' >&2; exit 3")

    with pytest.raises(SetupError) as given_up:
        async with supervised([steady(tmp_path, "nats"), broken], tmp_path / "logs", lambda _: None):
            pytest.fail("it opened without one of its parts")

    log = tmp_path / "logs" / "ingest.log"
    assert str(given_up.value) == (f"ingest does not start (exit 3). Its last words, from {log}:\nno such folder")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "reason"), [("missing", "No such file or directory"), ("plain.txt", "Permission denied")]
)
async def test_a_suite_whose_part_cannot_be_executed_gives_up_at_once(
    tmp_path: Path, command: str, reason: str
) -> None:
    (tmp_path / "plain.txt").touch(mode=0o644)
    broken = replace(steady(tmp_path, "ingest"), command=[str(tmp_path / command)])

    with pytest.raises(SetupError) as given_up:
        async with supervised([steady(tmp_path, "nats"), broken], tmp_path / "logs", lambda _: None):
            pytest.fail("it opened without one of its parts")

    assert str(given_up.value).startswith("ingest does not start (it cannot be executed: ")
    assert f"{reason}: '{tmp_path / command}'" in str(given_up.value)
    assert left_behind(tmp_path) == []


async def test_a_part_that_cannot_be_executed_again_is_told_and_tried_until_it_can(tmp_path: Path) -> None:
    happenings, shell = Happenings(), tmp_path / "shell"
    shell.symlink_to("/bin/sh")
    part = steady(tmp_path, "ingest")
    part = replace(part, command=[str(shell), *part.command[1:]])
    async with supervised([part], tmp_path / "logs", happenings.tell) as supervisor:
        shell.unlink()
        supervisor.kill("ingest")
        await happenings.nth(Died, 3)
        shell.symlink_to("/bin/sh")
        await happenings.nth(Ready, 2)

    killed, *failed = (one for one in happenings.told if isinstance(one, Died))
    assert (killed.how, killed.seconds) == ("SIGKILL", 0.1)
    assert [one.seconds for one in failed][:2] == [0.2, 0.4]
    assert all(f"No such file or directory: '{shell}'" in one.how for one in failed)


async def test_a_stopped_supervisor_asks_no_more_whether_a_part_is_ready(tmp_path: Path) -> None:
    happenings = Happenings()
    late, broken = program(tmp_path, "nats", "sleep 1000 & wait"), program(tmp_path, "ingest", "exit 3")

    with pytest.raises(SetupError):
        async with supervised([late, broken], tmp_path / "logs", happenings.tell):
            pytest.fail("it opened without one of its parts")

    assert [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}] == []


async def test_a_program_is_started_only_after_what_comes_first_and_why_it_cannot_be_is_told(tmp_path: Path) -> None:
    async def impossible() -> None:
        raise SetupError("EVENTS may lose messages: delete it.")

    programs = [replace(steady(tmp_path, "second"), first=impossible)]
    with pytest.raises(SetupError, match=r"second does not start \(EVENTS may lose messages"):
        async with supervised(programs, tmp_path / "logs", lambda _: None):
            pytest.fail("it was started")
