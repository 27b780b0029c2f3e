"""The configuration that the services of a running suite read: the last one that was checked.

The user's own file may be broken at any moment, also when a service restarts.
"""

import shutil
from pathlib import Path
from typing import Final

from perdure.config.project import DEFAULT_FILE
from perdure.config.replace_file import replace_file
from perdure.config.yaml_file import config_file
from perdure.errors import SetupError

__all__ = ["KeptConfiguration", "current_configuration"]

_FOLDER: Final = "configuration"
_BUILDS: Final = "builds"
_DRAFT: Final = "draft"


class KeptConfiguration:
    """A copy of the configuration file in the state folder.

    Attributes:
        file: The copy, with the name of the original; empty if there is no original.
    """

    def __init__(self, state: Path) -> None:
        """Copy the file as it is now.

        Raises:
            OSError: The state folder cannot be written.
            SetupError: The file cannot be read.
        """
        original = config_file() or DEFAULT_FILE
        self.file = state / _FOLDER / original.name
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.keep(current_configuration())

    def keep(self, content: bytes) -> None:
        """Keep this content, which has been checked."""
        replace_file(self.file, content)

    def draft(self, content: bytes) -> Path:
        """Return a file with this content that nothing reads yet; the next draft takes its place."""
        return self._write(self.file.parent / _DRAFT, content)

    def keep_for(self, build: str, content: bytes) -> Path:
        """Keep this content for the processes of a build, which outlive later changes; return the file."""
        return self._write(self._folder(build), content)

    def kept_for(self, build: str) -> Path:
        """Return the copy for a build; what is kept now if there is none."""
        copy = self._folder(build) / self.file.name
        return copy if copy.exists() else self.file

    def forget(self, build: str) -> None:
        """Remove the copy for a build, if there is one."""
        shutil.rmtree(self._folder(build), ignore_errors=True)

    def _write(self, folder: Path, content: bytes) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(file := folder / self.file.name, content)
        return file

    def _folder(self, build: str) -> Path:
        return self.file.parent / _BUILDS / build


def current_configuration() -> bytes:
    """Return the content of the user's file, empty if there is none.

    Raises:
        SetupError: It cannot be read.
    """
    original = config_file()
    try:
        return b"" if original is None else original.read_bytes()
    except OSError as error:
        raise SetupError(f"{original} cannot be read: {error.strerror}.") from error
