"""A small disk is filled to its last byte and has room again; where it cannot be mounted, a sentence says so."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys
from pathlib import Path
from perdure.chaos.disk import DiskFull
from perdure.chaos.own_mounts import enter_own_mounts, mount_tmpfs
from perdure.chaos.strike import Strike
from perdure.errors import SetupError

class Processes:
    async def ready(self, name): print("ready", name)

async def stores():
    return True

async def main(folder):
    mount_tmpfs(folder, 1)
    file = Path(folder, "file")
    async with DiskFull({"nats": Path(folder)}, Processes(), stores).struck(Strike("disk", "nats", 0.0, 0.0)):
        await asyncio.sleep(0.3)
        try:
            file.write_bytes(b"x" * 4096)
        except OSError as error:
            print(error.strerror)
    print(file.write_bytes(b"x" * 4096))

try:
    enter_own_mounts()
except SetupError as error:
    print(error)
else:
    asyncio.run(main(sys.argv[1]))
"""


def test_a_full_disk_refuses_writes_until_it_has_room_again(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        [sys.executable, str(program), str(disk)], capture_output=True, text=True, timeout=60, check=False
    )

    lines = done.stdout.splitlines()
    assert lines == ["No space left on device", "ready audit", "4096"] or "denies" in done.stdout, done.stderr
    assert list(disk.iterdir()) == [], "the disk vanishes with its process"
