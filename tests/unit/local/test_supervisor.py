"""The supervisor with small real programs."""

import asyncio
import signal
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from perdure.cli.up_display import show
from perdure.errors import SetupError
from perdure.local.process import Process
from perdure.local.program import Program
from perdure.local.program_event import Died, Ready, Restarting, Stopped, Troubled
from perdure.local.supervisor import supervised
from perdure.local.trouble import Trouble
from tests.support.programs import EventRecorder, program, steady
from tests.support.suite import left_behind


async def test_a_suite_is_open_when_all_its_programs_are_ready(tmp_path: Path) -> None:
    recorder = EventRecorder()
    parts = [steady(tmp_path, name) for name in ("nats", "ingest")]

    async with supervised(parts, tmp_path / "logs", recorder.report) as supervisor:
        ready = {event.name: event.where for event in recorder.events if isinstance(event, Ready)}

        assert ready == {name: f"{tmp_path}/{name}" for name in ("nats", "ingest")}
        assert all(psutil.pid_exists(supervisor.pid(name)) for name in ready)


async def test_a_suite_stops_in_reverse_order_and_leaves_no_process(tmp_path: Path) -> None:
    recorder = EventRecorder()
    names = ["nats", "temporal", "orchestrator", "ingest"]

    async with supervised([steady(tmp_path, name) for name in names], tmp_path / "logs", recorder.report):
        pass

    assert (tmp_path / "ended").read_text().split() == names[::-1]
    assert [event.name for event in recorder.events if isinstance(event, Stopped)] == names[::-1]
    assert left_behind(tmp_path) == []


async def test_a_program_that_dies_is_restarted_and_the_others_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = EventRecorder()
    async with supervised(
        [steady(tmp_path, "nats"), steady(tmp_path, "ingest")], tmp_path / "logs", recorder.report
    ) as supervisor:
        before = {name: supervisor.pid(name) for name in ("nats", "ingest")}

        supervisor.kill("ingest")
        died = await recorder.nth(Died, 1)
        await recorder.nth(Ready, 3)

        assert isinstance(died, Died)
        assert (died.name, died.how) == ("ingest", "SIGKILL")
        assert supervisor.restarts("ingest") == 1
        assert supervisor.pid("ingest") != before["ingest"]
        assert (supervisor.pid("nats"), supervisor.restarts("nats")) == (before["nats"], 0)
    show(died)
    assert "ingest        died (SIGKILL); back in 0.1 s" in capsys.readouterr().out


async def test_the_backoff_grows_with_each_death(tmp_path: Path) -> None:
    recorder = EventRecorder()
    restless = program(tmp_path, "ingest", "if [ -e once ]; then exit 3; fi; touch once ingest; sleep 1000 & wait")
    async with supervised([restless], tmp_path / "logs", recorder.report) as supervisor:
        supervisor.kill("ingest")

        last = await recorder.nth(Died, 4)

    deaths = [event for event in recorder.events if isinstance(event, Died)][:4]
    assert [event.how for event in deaths] == ["SIGKILL", "exit 3", "exit 3", "exit 3"]
    assert [event.seconds for event in deaths] == [0.1, 0.2, 0.4, 0.8]
    assert last is deaths[-1]


@pytest.mark.parametrize("words", ["no such folder", '{"level": "critical", "event": "no such folder"}'])
async def test_a_suite_with_a_program_that_ends_at_once_fails_with_the_end_of_its_log(
    tmp_path: Path, words: str
) -> None:
    broken = program(tmp_path, "ingest", f"echo '{words}' >&2; exit 3")

    with pytest.raises(SetupError) as given_up:
        async with supervised([steady(tmp_path, "nats"), broken], tmp_path / "logs", lambda _: None):
            pytest.fail("it opened without one of its parts")

    log = tmp_path / "logs" / "ingest.log"
    assert str(given_up.value) == (f"ingest does not start (exit 3). The end of its log {log}:\nno such folder")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("command", "reason"), [("missing", "No such file or directory"), ("plain.txt", "Permission denied")]
)
async def test_a_suite_with_a_program_that_cannot_be_executed_fails_at_once(
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


async def test_a_program_that_can_no_longer_be_executed_is_reported_and_retried(tmp_path: Path) -> None:
    recorder, shell = EventRecorder(), tmp_path / "shell"
    shell.symlink_to("/bin/sh")
    part = steady(tmp_path, "ingest")
    part = replace(part, command=[str(shell), *part.command[1:]])
    async with supervised([part], tmp_path / "logs", recorder.report) as supervisor:
        shell.unlink()
        supervisor.kill("ingest")
        await recorder.nth(Died, 3)
        shell.symlink_to("/bin/sh")
        await recorder.nth(Ready, 2)

    killed, *failed = (event for event in recorder.events if isinstance(event, Died))
    assert (killed.how, killed.seconds) == ("SIGKILL", 0.1)
    assert [event.seconds for event in failed][:2] == [0.2, 0.4]
    assert all(f"No such file or directory: '{shell}'" in event.how for event in failed)


async def test_a_stopped_supervisor_polls_no_readiness(tmp_path: Path) -> None:
    recorder = EventRecorder()
    late, broken = program(tmp_path, "nats", "sleep 1000 & wait"), program(tmp_path, "ingest", "exit 3")

    with pytest.raises(SetupError):
        async with supervised([late, broken], tmp_path / "logs", recorder.report):
            pytest.fail("it opened without one of its parts")

    assert [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}] == []


async def test_a_program_whose_precondition_fails_is_not_started_and_the_reason_is_reported(tmp_path: Path) -> None:
    async def impossible() -> None:
        raise SetupError("EVENTS may lose messages: delete it.")

    programs = [replace(steady(tmp_path, "second"), first=impossible)]
    with pytest.raises(SetupError, match=r"second does not start \(EVENTS may lose messages"):
        async with supervised(programs, tmp_path / "logs", lambda _: None):
            pytest.fail("it was started")


async def test_a_program_is_restarted_on_request_at_once_and_does_not_count_as_dead(tmp_path: Path) -> None:
    recorder = EventRecorder()
    async with supervised([steady(tmp_path, "ingest")], tmp_path / "logs", recorder.report) as supervisor:
        before = supervisor.pid("ingest")

        await supervisor.restart("ingest", "flow.py has changed")
        await recorder.nth(Ready, 2)

        assert (supervisor.pid("ingest") != before, supervisor.restarts("ingest")) == (True, 0)
    assert [event for event in recorder.events if isinstance(event, Died | Restarting)] == [
        Restarting("ingest", "flow.py has changed")
    ]


async def test_a_program_that_loses_its_port_moves_and_takes_along_those_that_know_its_address(tmp_path: Path) -> None:
    recorder = EventRecorder()
    old, other, new = (steady(tmp_path, name) for name in ("nats", "ingest", "nats"))
    new = replace(new, where="elsewhere")

    def moved(name: str) -> list[Program]:
        return [new, other] if name == "nats" and supervisor.restarts("nats") == 0 else []

    async with supervised([old, other], tmp_path / "logs", recorder.report, moved=moved) as supervisor:
        supervisor.kill("nats")
        await recorder.nth(Restarting, 1)
        await recorder.nth(Ready, 4)

    ready = [(event.name, event.where) for event in recorder.events if isinstance(event, Ready)]
    assert sorted(ready[2:]) == [("ingest", other.where), ("nats", "elsewhere")]
    (died,) = (event for event in recorder.events if isinstance(event, Died))
    assert died.how == "SIGKILL: another program took its port, so it moves"


async def test_a_program_that_may_not_move_is_reported_with_the_key_of_its_port(tmp_path: Path) -> None:
    def moved(_: str) -> list[Program]:
        raise SetupError("Port 8701, requested for ingest by ingest.http_port, is taken.")

    recorder = EventRecorder()
    async with supervised([steady(tmp_path, "ingest")], tmp_path / "logs", recorder.report, moved=moved) as supervisor:
        supervisor.kill("ingest")
        died = await recorder.nth(Died, 1)

    assert isinstance(died, Died)
    assert died.how == "SIGKILL: Port 8701, requested for ingest by ingest.http_port, is taken."


async def test_a_program_that_ends_by_itself_is_reported_with_the_last_message_of_its_log(tmp_path: Path) -> None:
    recorder = EventRecorder()
    says = """echo '{"event": "no such folder"}' >&2"""
    script = f"if [ -e once ]; then {says}; exit 3; fi; touch once ingest; sleep 1000 & wait"
    async with supervised([program(tmp_path, "ingest", script)], tmp_path / "logs", recorder.report) as supervisor:
        supervisor.kill("ingest")
        died = await recorder.nth(Died, 2)

    assert isinstance(died, Died)
    assert (died.how, died.why) == ("exit 3", "no such folder")


async def test_the_log_of_a_running_program_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.local.process._MAX_LOG_BYTES", 1_000)
    log = tmp_path / "ingest.log"
    process = await Process.start(
        program(tmp_path, "ingest", "while :; do echo 0123456789; sleep 0.001; done"), tmp_path
    )
    try:
        async with asyncio.timeout(30):
            while log.stat().st_size <= 1_000:
                await asyncio.sleep(0.01)
            process.rotate_log()
            while not log.stat().st_size:
                await asyncio.sleep(0.01)
    finally:
        await process.stop()

    assert (tmp_path / "ingest.log.1").stat().st_size > 1_000
    assert set(log.read_text().split()) == {"0123456789"}


async def test_a_program_that_cannot_work_is_reported_once_and_started_anew_when_that_helps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [Trouble("its disk is full", restart_helps=False)] * 2 + [
        Trouble("there is room again", restart_helps=True)
    ]
    recorder = EventRecorder()

    async def look() -> Trouble | None:
        return looks.pop(0) if looks else None

    async with supervised(
        [replace(steady(tmp_path, "nats"), trouble=look)], tmp_path / "logs", recorder.report
    ) as supervisor:
        before = supervisor.pid("nats")
        await recorder.nth(Ready, 2)

        assert supervisor.pid("nats") != before
    seen = [event for event in recorder.events if isinstance(event, Troubled | Restarting)]
    assert seen == [Troubled("nats", "its disk is full"), Restarting("nats", "there is room again")]
    show(seen[0])
    assert "nats          does not work: its disk is full" in capsys.readouterr().out


async def test_restarts_because_of_trouble_that_returns_have_a_growing_backoff(tmp_path: Path) -> None:
    recorder, began = EventRecorder(), list[float]()

    async def look() -> Trouble | None:
        return Trouble("it stores nothing", restart_helps=True)

    async def note() -> None:
        began.append(asyncio.get_running_loop().time())

    nats = replace(steady(tmp_path, "nats"), trouble=look, first=note)
    async with supervised([nats], tmp_path / "logs", recorder.report):
        await recorder.nth(Ready, 5)

    pauses = [after - before for before, after in pairwise(began)]
    assert pauses[-1] - pauses[0] > 0.4  # 0.1, 0.2, 0.4, 0.8 s
    assert not [event for event in recorder.events if isinstance(event, Died)]


async def test_a_program_is_added_renamed_and_removed_while_the_others_run_on(tmp_path: Path) -> None:
    recorder = EventRecorder()
    logs = tmp_path / "logs"
    async with supervised([steady(tmp_path, "old")], logs, recorder.report) as supervisor:
        old = supervisor.pid("old")

        await supervisor.add([steady(tmp_path, "candidate")])
        candidate = supervisor.pid("candidate")
        supervisor.rename("old", "draining")
        supervisor.rename("candidate", "current")
        supervisor.kill("current")
        await recorder.nth(Ready, 3)

        assert (supervisor.names, supervisor.pid("draining")) == (["draining", "current"], old)
        assert supervisor.pid("current") != candidate
        await supervisor.remove("draining")
        assert not psutil.pid_exists(old)
        assert {log.name for log in logs.iterdir()} == {"draining.log", "current.log"}
    assert [event.name for event in recorder.events if isinstance(event, Died | Stopped)] == [
        "current",
        "draining",
        "current",
    ]


async def test_an_added_program_that_does_not_start_is_gone_and_the_others_run_on(tmp_path: Path) -> None:
    async with supervised([steady(tmp_path, "ingest")], tmp_path / "logs", lambda _: None) as supervisor:
        before = supervisor.pid("ingest")

        with pytest.raises(SetupError, match=r"candidate does not start \(exit 3\)(.|\n)*no such module"):
            await supervisor.add([program(tmp_path, "candidate", "echo no such module; exit 3")])

        assert (supervisor.names, supervisor.pid("ingest")) == (["ingest"], before)


async def test_a_process_that_has_the_id_of_an_ended_program_by_now_is_left_alone(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec("/bin/true", start_new_session=True)
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "60", start_new_session=True)
    ended = Process(child, tmp_path / "log", stopped_within=15)
    await ended.wait()
    child.pid = stranger.pid  # as the system gives ids again

    await ended.stop()
    stranger.terminate()

    assert await stranger.wait() == -signal.SIGTERM


async def test_a_program_that_a_signal_without_a_name_ended_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"^ingest does not start \(signal 40\)"):
        async with supervised([program(tmp_path, "ingest", "kill -40 $$")], tmp_path / "logs", lambda _: None):
            pass


async def test_a_program_is_killed_only_after_the_time_that_it_has_for_its_end(tmp_path: Path) -> None:
    slow = program(tmp_path, "slow", "trap 'sleep 1; touch ended; exit' TERM; touch slow; while :; do sleep 0.1; done")
    stuck = program(tmp_path, "stuck", "trap '' TERM; touch stuck; while :; do sleep 0.1; done")

    parts = [replace(slow, stopped_within=60), replace(stuck, stopped_within=0.2)]
    async with supervised(parts, tmp_path / "logs", lambda _: None):
        pass

    assert (tmp_path / "ended").exists()
    assert left_behind(tmp_path) == []
