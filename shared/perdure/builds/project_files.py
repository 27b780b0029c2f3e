"""The files of a project that are its own: without hidden folders, virtual environments and caches."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["LeftOut", "data_files", "files_below"]

_OTHERS: Final = {"__pycache__", "node_modules"}
_VIRTUAL_ENVIRONMENT: Final = "pyvenv.cfg"
_LARGEST: Final = 1024 * 1024  # bytes
_MOST: Final = 1_000  # files
_MOST_BYTES: Final = 16 * 1024 * 1024


class LeftOut(Exception):
    """There is too much to copy."""


def files_below(folder: Path, *, without: Path | None = None) -> Iterator[Path]:
    """Yield the files of a folder and of those below it, each folder's in order.

    Args:
        folder: Where to begin.
        without: A folder that is left out.
    """
    for root, folders, files in os.walk(folder):
        if _VIRTUAL_ENVIRONMENT in files:
            folders.clear()
            continue
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in _OTHERS and Path(root, name).resolve() != without
        )
        paths = (Path(root, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def data_files(folder: Path, *, without: Path) -> list[Path]:
    """Return the files of a project that are no Python modules, such as prompts: modules read them beside themselves.

    Files of more than 1 MiB are left out.

    Args:
        folder: The project's folder.
        without: The state folder.

    Raises:
        LeftOut: They are more than 1,000, or more than 16 MiB.
    """
    found: list[Path] = []
    total = 0
    for file in files_below(folder, without=without):
        if file.suffix == ".py" or (size := file.stat().st_size) > _LARGEST:
            continue
        found.append(file)
        total += size
        if len(found) > _MOST or total > _MOST_BYTES:
            raise LeftOut(
                f"The project's folder {folder} has more than 1,000 files or 16 MiB beside its modules: a version that "
                "goes on after a change reads them as they are then."
            )
    return found
