"""The disks under the parts of a suite on one machine: how much room each has, and what stands when there is none."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.values.size_text import size_text

__all__ = ["Disk", "disks", "free_bytes"]

_STANDS: Final = {
    "nats": "no message is stored or acknowledged",
    "temporal": "no run begins or goes on",
    "audit": "nothing is recorded, and EVENTS is not trimmed",
}
_FULL: Final = 2 * 1024 * 1024  # bytes; SQLite and NATS need some for what they have begun
_SCARCE: Final = 0.05  # of the disk
_SCARCE_BYTES: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under one part of a suite.

    Attributes:
        part: ``nats``, ``temporal`` or ``audit``.
        folder: Where the part keeps its files.
        free: Bytes that it may still write.
        size: Bytes of the whole disk.
    """

    part: str
    folder: Path
    free: int
    size: int

    @property
    def is_full(self) -> bool:
        """Whether the part cannot work."""
        return self.free < _FULL

    @property
    def is_scarce(self) -> bool:
        """Whether it will soon be full."""
        return self.free < min(_SCARCE * self.size, _SCARCE_BYTES)

    @property
    def problem(self) -> str | None:
        """What is wrong with it and what to do, if something is."""
        room = f"{size_text(self.free)} of {size_text(self.size)} are free at {self.folder}"
        if self.is_full:
            stands = _STANDS[self.part]
            return f"it is full ({room}): {stands}. Make room: all goes on by itself, and nothing acknowledged is lost."
        if self.is_scarce:
            return f"it is nearly full ({room}): make room before {_STANDS[self.part]}."
        return None


def disks(state: Path) -> Iterator[Disk]:
    """Yield the disk under each part of a suite with this state folder that has a folder there."""
    for part in _STANDS:
        folder = state / part
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            yield Disk(part, folder, usage.free, usage.total)


def free_bytes(folder: Path) -> int:
    """Return how many bytes may still be written to the disk of a folder."""
    return shutil.disk_usage(folder).free
