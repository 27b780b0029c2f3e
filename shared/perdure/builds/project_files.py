"""The files of a project that are its own: without hidden folders, virtual environments and caches."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["data_files", "files_below"]

_OTHERS: Final = {"__pycache__", "node_modules"}
_VIRTUAL_ENVIRONMENT: Final = "pyvenv.cfg"
_LARGEST: Final = 1024 * 1024  # bytes
_MOST: Final = 1_000  # files
_MOST_BYTES: Final = 16 * 1024 * 1024
_NAMED: Final = 3  # files in a sentence


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


def data_files(folder: Path, *, without: Path) -> tuple[list[Path], str]:
    """Return the files of a project that are no Python modules, such as prompts: modules read them beside themselves.

    Files of more than 1 MiB are left out; if there are more than 1,000 or 16 MiB, all.

    Args:
        folder: The project's folder.
        without: The state folder.

    Returns:
        The files, and a sentence about those that are left out; it is empty if none are.
    """
    found: list[Path] = []
    large: list[str] = []
    total = 0
    for file in files_below(folder, without=without):
        if file.suffix == ".py":
            continue
        if (size := file.stat().st_size) > _LARGEST:
            large.append(str(file.relative_to(folder)))
            continue
        found.append(file)
        total += size
        if len(found) > _MOST or total > _MOST_BYTES:
            return [], f"{folder} has more than 1,000 files or 16 MiB beside its modules, and no such file was copied"
    return found, _larger(large)


def _larger(files: list[str]) -> str:
    if not files:
        return ""
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return f"files of more than 1 MiB were not copied: {', '.join(files[:_NAMED])}{more}"
