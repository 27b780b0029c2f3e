"""Writes what is kept of messages into compressed files, each of a bounded number of leaves."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

from perdure.ledger import Kept
from perdure.record.kept_line import write_kept_line
from perdure.record.layout import LEAVES_A_FILE, records_path
from perdure.record.write_file import draft_of

__all__ = ["RecordsWriter"]

_LEVEL: Final = 3


class RecordsWriter:
    """Writes the files one after the other; one takes its name when it is whole.

    Args:
        folder: Of the export.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = -1
        self._lines: BinaryIO | None = None

    def begin_with(self, kept: Iterable[tuple[int, Kept]]) -> None:
        """Write the last file anew, which goes on."""
        for leaf, one in kept:
            self.add(leaf, one)

    def add(self, leaf: int, kept: Kept | None) -> None:
        """Write what is kept of the next leaf's message, if anything is.

        Raises:
            ValueError: Its file was ended before.
        """
        if leaf // LEAVES_A_FILE != self._number:
            self.end()
            self._begin(leaf // LEAVES_A_FILE)
        if self._lines is None:
            raise ValueError(f"The file with leaf {leaf} has ended.")
        if kept is not None:
            self._lines.write(write_kept_line(leaf, kept))

    def end(self) -> None:
        """End the last file."""
        if self._lines is None:
            return
        self._lines.close()
        path = self._folder / records_path(self._number)
        draft_of(path).replace(path)
        self._lines = None

    def abandon(self) -> None:
        """Leave a file that has not ended as a draft."""
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _begin(self, number: int) -> None:
        path = self._folder / records_path(number)
        path.parent.mkdir(exist_ok=True)
        self._number = number
        self._lines = zstandard.open(draft_of(path), "wb", cctx=zstandard.ZstdCompressor(level=_LEVEL))
