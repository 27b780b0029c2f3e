"""The configuration that the services of a running suite read: the last one that was checked.

The user's own file may be broken at any moment, also when a service restarts.
"""

from pathlib import Path
from typing import Final

from perdure.config.project import DEFAULT_FILE
from perdure.config.replace_file import replace_file
from perdure.config.yaml_file import config_file

__all__ = ["KeptConfiguration"]

_FOLDER: Final = "configuration"


class KeptConfiguration:
    """A copy of the configuration file in the state folder.

    Attributes:
        file: The copy, with the name of the original; empty if there is no original.
    """

    def __init__(self, state: Path) -> None:
        """Copy the file as it is now.

        Raises:
            OSError: It cannot be read, or the state folder cannot be written.
        """
        original = config_file() or DEFAULT_FILE
        self.file = state / _FOLDER / original.name
        self.file.parent.mkdir(exist_ok=True)
        self.renew()

    def renew(self) -> None:
        """Copy the file once more: it has been checked."""
        original = config_file()
        replace_file(self.file, b"" if original is None else original.read_bytes())
