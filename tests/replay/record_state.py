"""Makes the state folder that later versions must open: ``python -m tests.replay.record_state``, once a version.

It is made where no path names this machine, and under another host name, for servers write both into what they store:
that takes root, on a Linux. Its streams keep what they have for ever: opened years later they would else be empty.
"""

import asyncio
import shutil
import signal
import tarfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from nats.js import JetStreamContext

from perdure.bus import connect
from perdure.config.settings import NatsSettings
from perdure.local.state import State, read_endpoints
from perdure.runtime.exit import exit_process
from tests.replay.state_folder import ARCHIVES, STATE, WHO, running
from tests.replay.sums import add_to_sums
from tests.support.command_line import perdure, printed
from tests.support.perdure_up import decide

_PLACE: Final = Path("/srv/parcels")
_SOURCE: Final = ARCHIVES / "parcels"
_LEFT_OUT: Final = {"endpoints.json", "lock", "logs", "nats.conf", "ports.json", "traces"}
"""What ``perdure up`` writes anew, or what only concerns the machine."""

_OTHER_HOST: Final = ("unshare", "--uts", "sh", "-c", 'hostname recorder && exec "$@"', "sh")
_WITHIN: Final = 60.0  # seconds


def main() -> None:
    archive = ARCHIVES / f"{'.'.join(version('perdure').split('.')[:2])}.tar.xz"
    if archive.exists():
        print(f"{archive.name} is there: what is recorded stays as it is")  # noqa: T201 (a program)
        return
    shutil.copytree(_SOURCE, _PLACE, ignore=shutil.ignore_patterns("__pycache__"))  # nothing may lie there
    try:
        _make(_PLACE)
        with tarfile.open(archive, "x:xz", preset=9) as packed:
            packed.add(_PLACE, arcname=".", filter=_lasting)
    finally:
        shutil.rmtree(_PLACE)
    add_to_sums(ARCHIVES)
    print(f"{archive.name}: {archive.stat().st_size} bytes")  # noqa: T201 (a program)


def _make(folder: Path) -> None:
    with running(folder, ended_by=signal.SIGKILL, before=_OTHER_HOST, environment={"LOGNAME": WHO}):
        live(folder)
        asyncio.run(keep_for_ever(folder))
        publish(folder, "parcels.delayed", "one")
        until(lambda: started(folder, "Reminder-one"))
        until(lambda: is_recorded(folder, "Reminder-one"))


def live(folder: Path) -> None:
    """Let there be something of each kind."""
    publish(folder, "parcels.described", "one")
    ended(folder, "Describing-one")
    publish(folder, "parcels.packed", "ended")
    decide(folder, "approve", waiting(folder), "--as", WHO, "--comment", "fine")
    ended(folder, "Sending-ended")
    publish(folder, "parcels.packed", "open")
    waiting(folder)
    publish(folder, "parcels.packed", "waiting")
    until(lambda: printed(perdure(folder, "routes", "waiting", "--json"))[0]["waiting"] == 1)
    publish(folder, "parcels.arrived", "one")
    until(lambda: started(folder, "Pickup-one"))
    publish(folder, "parcels.described", "broken", "{}")
    until(lambda: bool(printed(perdure(folder, "dlq", "list", "--json"))))


async def keep_for_ever(folder: Path) -> None:
    """Lift all limits of age, as an operator may."""
    suite = read_endpoints(folder / STATE)
    assert suite is not None
    seed = State(folder / STATE).seed("operator")
    async with connect(NatsSettings(servers=(suite.nats,), nkey_seed_file=seed), source="perdure/recorder") as bus:
        await _lift(bus.js)


async def _lift(js: JetStreamContext) -> None:
    for info in await js.streams_info():
        await js.update_stream(info.config.evolve(max_age=0))


def publish(folder: Path, type_: str, event_id: str, data: str = '{"item": "a hat"}') -> None:
    published = perdure(folder, "publish", type_, data, "--id", event_id)
    assert published.returncode == 0, published.stderr


def waiting(folder: Path) -> str:
    """Wait until one request is open, and return its id."""
    until(lambda: len(printed(perdure(folder, "approvals", "--json"))) == 1)
    return str(printed(perdure(folder, "approvals", "--json"))[0]["request_id"])


def started(folder: Path, run: str) -> bool:
    return run in {fact["workflow_id"] for fact in printed(perdure(folder, "runs", "--json"))}


def is_recorded(folder: Path, run: str) -> bool:
    """Tell whether the audit has what was published last."""
    return any(run in record["subject"] for record in printed(perdure(folder, "audit", "tail", "--json")))


def ended(folder: Path, run: str) -> None:
    result = perdure(folder, "result", run, "--wait")
    assert result.returncode == 0, result.stderr


def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact."""
    end = time.monotonic() + _WITHIN
    while not fact():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def _lasting(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what is not to last, and who packed it."""
    if _LEFT_OUT & set(Path(member.name).parts) or "__pycache__" in member.name:
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = WHO
    return member


if __name__ == "__main__":
    main()
    exit_process(0)
