"""Rolls out code and restarts services when files of the project change, unless the new state is broken."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perdure.config.project import DEFAULT_FILE, project_folder
from perdure.config.yaml_file import config_file
from perdure.errors import SetupError
from perdure.local.changes import Changes
from perdure.local.suite import Suite

__all__ = ["NotReloaded", "project_changes", "reload_on_change"]


@dataclass(frozen=True, slots=True)
class NotReloaded:
    """Files have changed and what they hold does not work: the services go on with what they had.

    Attributes:
        files: The changed files.
        why: What is wrong, with file and line where that is known.
    """

    files: str
    why: str


def project_changes() -> Changes:
    """Return the changes of the project of the working folder, from now on."""
    folder = project_folder()
    return Changes(folder, (config_file() or folder / DEFAULT_FILE).absolute())


async def reload_on_change(suite: Suite, changes: Changes, *, report: Callable[[NotReloaded], None]) -> None:
    """Roll out changed code, and restart what else needs the changed files, for ever; the servers stay as they are.

    Args:
        suite: The running suite.
        changes: The changes since before it started.
        report: Called with each change that was not applied.
    """
    async for files in changes:
        try:
            await suite.rollouts.reload()
        except SetupError as error:
            report(NotReloaded(", ".join(_short(file, changes.folder) for file in files), str(error)))


def _short(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
