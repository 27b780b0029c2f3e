"""Notices changes of the project's files: the configuration, and all Python modules beneath its folder."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

__all__ = ["changes"]

_LOOK_EVERY: Final = 0.5  # seconds
_OTHERS: Final = {"__pycache__", "node_modules"}
_VIRTUAL_ENVIRONMENT: Final = "pyvenv.cfg"


async def changes(folder: Path, configuration: Path) -> AsyncIterator[list[Path]]:
    """Yield the files that were changed, added or deleted, once they have been left alone for half a second.

    Args:
        folder: The folder whose ``.py`` files are watched, without hidden folders and virtual environments.
        configuration: Another file to watch; it need not exist.
    """
    known = _stamps(folder, configuration)
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        now = await asyncio.to_thread(_stamps, folder, configuration)
        if now == known:
            continue
        while (later := await _after_a_while(folder, configuration)) != now:
            now = later
        yield sorted({file for file, _ in now.items() ^ known.items()})
        known = now


async def _after_a_while(folder: Path, configuration: Path) -> dict[Path, tuple[int, int]]:
    await asyncio.sleep(_LOOK_EVERY)
    return await asyncio.to_thread(_stamps, folder, configuration)


def _stamps(folder: Path, configuration: Path) -> dict[Path, tuple[int, int]]:
    """Return the time of change and the size of each file that exists."""
    found = {}
    for file in (*_modules(folder), configuration):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found[file] = stat.st_mtime_ns, stat.st_size
    return found


def _modules(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        if _VIRTUAL_ENVIRONMENT in files:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _OTHERS]
        yield from (Path(root, name) for name in files if name.endswith(".py"))
