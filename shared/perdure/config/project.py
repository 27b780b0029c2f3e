"""The project's folder: the nearest one, from the working folder upwards, with a configuration or a suite's state.

Commands behave in its sub-folders as they do in it, as git does.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = [
    "BUILD_VARIABLE",
    "CONFIG_VARIABLE",
    "DEFAULT_FILE",
    "DEFAULT_STATE",
    "PREFIX",
    "is_project",
    "project_folder",
]

PREFIX: Final = "PERDURE_"
"""How the variables of the configuration begin."""
CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
BUILD_VARIABLE: Final = f"{PREFIX}BUILD_ID"
DEFAULT_FILE: Final = Path("perdure.yaml")
DEFAULT_STATE: Final = Path(".perdure")

_TRUSTED: Final = frozenset({os.getuid(), 0})
"""The users whose configuration is taken from a parent folder."""


def project_folder() -> Path:
    """Return the project's folder; the working folder if there is none, or if ``PERDURE_CONFIG`` names a file.

    A parent folder's configuration counts only if it belongs to this user or to root: it names code to run.
    """
    here = Path.cwd()
    if os.environ.get(CONFIG_VARIABLE):
        return here
    return next((folder for folder in (here, *_own(here)) if is_project(folder)), here)


def _own(here: Path) -> Iterator[Path]:
    for folder in here.parents:
        marks = [mark for mark in (folder / DEFAULT_FILE, folder / DEFAULT_STATE) if mark.exists()]
        if marks and all(mark.stat().st_uid in _TRUSTED for mark in marks):
            yield folder


def is_project(folder: Path) -> bool:
    """Return whether a folder holds a configuration or a suite's state."""
    return (folder / DEFAULT_FILE).is_file() or (folder / DEFAULT_STATE).is_dir()
