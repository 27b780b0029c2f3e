"""The project's folder: the nearest one, from the working folder upwards, with a configuration or a suite's state.

Commands behave in its sub-folders as they do in it, as git does.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

__all__ = ["CONFIG_VARIABLE", "DEFAULT_FILE", "DEFAULT_STATE", "anchored", "project_folder"]

CONFIG_VARIABLE: Final = "PERDURE_CONFIG"
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
    return next((folder for folder in (here, *_own(here)) if _is_project(folder)), here)


def _own(here: Path) -> Iterator[Path]:
    for folder in here.parents:
        marks = [mark for mark in (folder / DEFAULT_FILE, folder / DEFAULT_STATE) if mark.exists()]
        if marks and all(mark.stat().st_uid in _TRUSTED for mark in marks):
            yield folder


def _is_project(folder: Path) -> bool:
    return (folder / DEFAULT_FILE).is_file() or (folder / DEFAULT_STATE).is_dir()


def anchored(value: Any, folder: Path) -> Any:
    """Return a setting with all relative paths in it made relative to a folder; ``~`` stays as it is."""
    match value:
        case Path():
            return value if value.is_absolute() or value.parts[:1] == ("~",) else folder / value
        case BaseModel():
            changed = {name: new for name, old in value if (new := anchored(old, folder)) != old}
            return value.model_copy(update=changed) if changed else value
        case dict():
            return {name: anchored(part, folder) for name, part in value.items()}
        case tuple():
            return tuple(anchored(part, folder) for part in value)
        case _:
            return value
