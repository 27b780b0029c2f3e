"""Plays a suite whose streams and disks run full, in a mount namespace of its own: ``python -m … FOLDER``.

NATS, Temporal and the audit have a small disk each, which vanishes with this process. It prints what happened as JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from perdure.errors import StreamFull, Unavailable
from perdure.local.program_event import ProgramEvent, Restarting, Troubled
from tests.support.command_line import perdure_of
from tests.support.suite import World, open_world

PARTS = ("nats", "temporal", "audit")
DISK = 64  # MiB
BOUND = 128 * 1024  # bytes of EVENTS
EVENTS = 60
BODY = json.dumps({f"field-of-data-{number:04}": number for number in range(120)}).encode()


class Disk:
    """A small disk that can be filled."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"
        folder.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(folder)]
        subprocess.run(mount, check=True)

    def fill(self) -> None:
        """Take all room, also what was freed since the last time."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65_536) if self._free() > 65_536 else bytes(512))
            except OSError:
                return

    def empty(self) -> None:
        self._ballast.unlink()

    def _free(self) -> int:
        found = os.statvfs(self._ballast.parent)
        return found.f_bavail * found.f_frsize


async def main(folder: Path) -> dict[str, Any]:
    disks = {part: Disk(folder / "state" / part) for part in PARTS}
    happened: list[ProgramEvent] = []
    async with open_world(folder, report=happened.append, nats={"streams": {"EVENTS": {"max_bytes": BOUND}}}) as here:
        refused = await publish_until_taken(here, range(EVENTS))
        await here.completed(EVENTS)
        filled = await here.bus.js.stream_info("EVENTS")

        for part in ("temporal", "audit"):
            disks[part].fill()
        await publish_until_taken(here, range(1000, 1005))
        disks["nats"].fill()
        unconfirmed = await publish_until_silent(here, disks["nats"])
        await wait_for(happened, Troubled)
        doctor = await findings(here)
        for disk in disks.values():
            disk.empty()
        await wait_for(happened, Restarting)
        await publish_until_taken(here, [unconfirmed])
        acknowledged = EVENTS + 5 + unconfirmed - 2000 + 1
        facts = await here.completed(acknowledged)
        await here.bus.wait_until_consumed("audit", "EVENTS")
        healthy = await healed(here)
        dead_letters = await here.last("DLQ")
    return {
        "refused": refused,
        "first": filled.state.first_seq,
        "acknowledged": acknowledged,
        "troubled": [it.name for it in happened if isinstance(it, Troubled)],
        "restarted": [it.name for it in happened if isinstance(it, Restarting)],
        "doctor": doctor,
        "healthy": healthy,
        "endings": [sum(it.kind == "completed" for it in story) for story in facts.values()],
        "dead_letters": dead_letters,
    }


async def publish_until_taken(here: World, numbers: Iterable[int]) -> int:
    """Publish each event again and again until NATS has stored it; returns how often it was refused."""
    refused = 0

    async def publish(number: int) -> None:
        nonlocal refused
        while True:
            try:
                return await here.publish("work.quick", BODY, Nats_Msg_Id=f"q{number}")
            except StreamFull:
                refused += 1
            except Unavailable:
                pass  # it may be stored: under its id it is stored once
            await asyncio.sleep(0.2)

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for number in numbers:
            group.create_task(publish(number))
    return refused


async def publish_until_silent(here: World, disk: Disk) -> int:
    """Publish while the disk fills until NATS confirms nothing; returns the number of the event that it did not."""
    for number in count(2000):
        disk.fill()
        try:
            await here.publish("work.quick", BODY, Nats_Msg_Id=f"q{number}")
        except StreamFull:
            await asyncio.sleep(0.2)
        except Unavailable:
            return number
    raise AssertionError


async def findings(here: World) -> dict[str, str]:
    """Return what doctor finds not to be well."""
    looked = await perdure_of(here.settings.state, "doctor", "--json")
    found = [json.loads(line) for line in looked.stdout.splitlines()]
    return {it["what"]: it["detail"] for it in found if not it["good"]}


async def healed(here: World) -> dict[str, str]:
    """Wait until doctor finds nothing; returns what it still finds after a minute. Room is made every few seconds."""
    found = await findings(here)
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while found:
                await asyncio.sleep(1)
                found = await findings(here)
    return found


async def wait_for(happened: list[ProgramEvent], kind: type[ProgramEvent]) -> None:
    async with asyncio.timeout(60):
        while not any(isinstance(it, kind) for it in happened):
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
