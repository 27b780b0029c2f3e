"""The files of an exported record, in a folder."""

from pathlib import Path
from typing import BinaryIO, Protocol

__all__ = ["ExportFiles", "FolderFiles"]


class ExportFiles(Protocol):
    """Static files by their paths."""

    def open(self, path: str) -> BinaryIO:
        """Open a file.

        Raises:
            FileNotFoundError: There is none.
            OSError: It cannot be read.
        """


class FolderFiles:
    """The files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, path: str) -> BinaryIO:
        """Open a file of the folder."""
        return (self.folder / path).open("rb")
