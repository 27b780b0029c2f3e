"""Notices changes of the project's files: the configuration, and all Python modules beneath its folder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from perdure.builds.project_files import files_below

__all__ = ["Changes"]

_LOOK_EVERY: Final = 0.5  # seconds


class Changes:
    """The changes of a project's files since this object was made.

    Args:
        folder: The folder whose ``.py`` files are watched, without hidden folders and virtual environments.
        configuration: Another file to watch; it need not exist.
    """

    def __init__(self, folder: Path, configuration: Path) -> None:
        self.folder = folder
        self.configuration = configuration
        self._known = _stamps(folder, configuration)

    async def __aiter__(self) -> AsyncIterator[list[Path]]:
        """Yield the files that were changed, added or deleted, once they have been left alone for half a second."""
        while True:
            now = await self._after_a_while()
            if now == self._known:
                continue
            while (later := await self._after_a_while()) != now:
                now = later
            changed = sorted({file for file, _ in now.items() ^ self._known.items()})
            self._known = now
            if changed:
                yield changed

    async def _after_a_while(self) -> dict[Path, tuple[int, int]]:
        await asyncio.sleep(_LOOK_EVERY)
        return await asyncio.to_thread(_stamps, self.folder, self.configuration)


def _stamps(folder: Path, configuration: Path) -> dict[Path, tuple[int, int]]:
    """Return the time of change and the size of each file that exists."""
    found = {}
    modules = (file for file in files_below(folder) if file.suffix == ".py")
    for file in (*modules, configuration):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        found[file] = stat.st_mtime_ns, stat.st_size
    return found
