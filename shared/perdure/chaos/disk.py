"""Fills the disk under one part: each has a small one of its own, in memory."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from perdure.chaos.own_mounts import mount_tmpfs
from perdure.chaos.processes import Processes
from perdure.chaos.strike import Strike
from perdure.errors import PerdureError
from perdure.runtime.background import background

__all__ = ["DISKS", "DiskFull", "small_disks"]

DISKS: Final = ("nats", "audit", "temporal")
"""The parts with a disk of their own, which are also the names of their folders in the state folder."""

_SIZE: Final = 192  # MiB
_FILLER: Final = ".filler"
_BACK_WITHIN: Final = 60.0  # seconds
_LOOK_EVERY: Final = 0.2  # seconds
_FILL_EVERY: Final = 0.1  # seconds; servers free space that they fill again


class DiskFull:
    """Fills a disk to its last byte and keeps it full, then makes room again.

    Args:
        disks: The folder of each part with a disk of its own.
        processes: The processes of the suite.
        stores: Returns whether NATS stores messages now.

    Attributes:
        targets: The parts whose disks can be filled.
    """

    def __init__(self, disks: Mapping[str, Path], processes: Processes, stores: Callable[[], Awaitable[bool]]) -> None:
        self._disks = disks
        self._processes = processes
        self._stores = stores
        self.targets: Sequence[str] = list(disks)

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Fill a disk for the duration of the block, then wait until NATS stores messages and audit is ready.

        Raises:
            PerdureError: One of both does not come back by itself.
        """
        filler = self._disks[strike.target] / _FILLER
        try:
            async with background(_fill_for_ever(filler)):
                yield f"full for {strike.seconds:.1f} s"
        finally:
            filler.unlink(missing_ok=True)
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while not await self._stores():
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise PerdureError(
                f"NATS stores nothing, {_BACK_WITHIN:.0f} s after the disk of {strike.target} had room again."
            ) from error
        await self._processes.ready("audit")


@contextmanager
def small_disks(state: Path) -> Iterator[dict[str, Path]]:
    """Mount a small disk for each part for the duration of the block; their files stay in the state folder after it."""
    disks = {name: state / name for name in DISKS}
    with ExitStack() as stack:
        for folder in disks.values():
            folder.mkdir(parents=True, exist_ok=True)
            mount_tmpfs(str(folder), _SIZE)
            stack.callback(_unmount, folder)
        yield disks


def _unmount(folder: Path) -> None:
    kept = folder.with_suffix(".kept")
    shutil.copytree(folder, kept)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 (our own mount)
    folder.rmdir()
    kept.rename(folder)


async def _fill_for_ever(filler: Path) -> None:
    while True:
        _fill(filler)
        await asyncio.sleep(_FILL_EVERY)


def _fill(filler: Path) -> None:
    """Take what is free."""
    with filler.open("ab") as file:
        free = os.statvfs(file.fileno())
        if missing := free.f_bavail * free.f_frsize:
            try:
                os.posix_fallocate(file.fileno(), file.tell(), missing)
            except OSError:
                return  # a server was quicker: the next look takes the rest
