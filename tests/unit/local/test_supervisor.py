"""The supervisor with real programs, small ones: shells that touch a file when they are ready."""

import asyncio
from pathlib import Path

import psutil
import pytest

from perdure.cli.up import show
from perdure.errors import SetupError
from perdure.local.program import Program
from perdure.local.supervisor import Died, Happening, Ready, Stopped, supervised
from tests.live.world import left_behind


class Happenings:
    """What the supervisor told, and a way to wait for the next of a kind."""

    def __init__(self) -> None:
        self.told: list[Happening] = []
        self._new = asyncio.Event()

    def tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self._new.set()

    async def nth(self, kind: type[Happening], number: int) -> Happening:
        """Wait until so many of a kind were told, and return the last of them."""
        async with asyncio.timeout(20):
            while len(found := [one for one in self.told if isinstance(one, kind)]) < number:
                self._new.clear()
                await self._new.wait()
        return found[number - 1]


def program(folder: Path, name: str, script: str) -> Program:
    async def ready() -> bool:
        return (folder / name).exists()

    return Program(name, ["/bin/sh", "-c", f"cd {folder}; {script}"], where=f"{folder}/{name}", ready=ready)


def steady(folder: Path, name: str) -> Program:
    """Runs until it is asked to end, and then leaves its name."""
    return program(folder, name, f"trap 'echo {name} >> ended; exit' TERM; touch {name}; sleep 1000 & wait")


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
    assert str(given_up.value) == (f"ingest ended at its start (exit 3). Its last words, from {log}:\nno such folder")
    assert left_behind(tmp_path) == []
