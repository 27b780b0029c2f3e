"""Rolls out code and restarts services when files of the project change, unless the new state is broken."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from perdure.config.loader import load_settings
from perdure.config.project import DEFAULT_FILE, project_folder
from perdure.config.settings import Settings
from perdure.config.yaml_file import config_file
from perdure.errors import SetupError
from perdure.local.changes import Changes
from perdure.local.kept_configuration import current_configuration
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


async def reload_on_change(
    suite: Suite,
    changes: Changes,
    *,
    check: Callable[[Settings], Awaitable[object]],
    report: Callable[[NotReloaded], None],
) -> None:
    """Roll out changed code, and restart what else needs the changed files, for ever; the servers stay as they are.

    Args:
        suite: The running suite.
        changes: The changes since before it started.
        check: Raises ``SetupError`` if the services would not start with a configuration or its modules.
        report: Called with each change that was not applied.
    """
    async for files in changes:
        names = ", ".join(_short(file, changes.folder) for file in files)
        try:
            content = current_configuration()
            settings = load_settings()
            await check(settings)
            if content != current_configuration():
                continue  # changed again meanwhile: the next change is checked
            await suite.rollouts.reload(settings, content)
        except SetupError as error:
            report(NotReloaded(names, str(error)))


def _short(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
