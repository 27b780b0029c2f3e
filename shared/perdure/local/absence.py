"""Tells in a moment that no suite can be here: commands then fail before they import anything slow.

Only the standard library is imported, and no configuration is read.
"""

import os
import re
from pathlib import Path
from typing import Final

from perdure.config.project import DEFAULT_FILE, DEFAULT_STATE, PREFIX, is_project, project_folder
from perdure.errors import Unavailable

__all__ = ["ENDPOINTS", "no_suite", "refuse_absent_suite"]

ENDPOINTS: Final = "endpoints.json"
"""The file in the state folder by which a running suite is found."""

_ELSEWHERE: Final = re.compile(r"\b(state|servers|execution_engine)\b")
"""Keys of the configuration that can place a suite elsewhere than in the folder's ``.perdure``."""


def refuse_absent_suite() -> None:
    """Return if there may be a suite; ``discover`` knows for certain.

    Raises:
        Unavailable: No suite runs here, and nothing that is configured can name another.
    """
    if any(name.startswith(PREFIX) for name in os.environ):
        return
    folder = project_folder()
    if (folder / DEFAULT_STATE / ENDPOINTS).exists() or (is_project(folder) and _may_be_elsewhere(folder)):
        return
    raise Unavailable(no_suite(DEFAULT_STATE if folder == Path.cwd() else folder / DEFAULT_STATE))


def no_suite(state: Path) -> str:
    """Return the sentence for a folder without a suite."""
    looked = "" if state.is_absolute() else f" (looked for {state} in {Path.cwd()} and its parents)"
    return (
        f"No suite runs {f'on {state}' if state.is_absolute() else 'in this folder'}{looked}: start one with "
        "`perdure up`, or set `nats.servers` to use a server of your own."
    )


def _may_be_elsewhere(folder: Path) -> bool:
    try:
        return _ELSEWHERE.search((folder / DEFAULT_FILE).read_text(errors="replace")) is not None
    except FileNotFoundError:
        return False
    except OSError:
        return True
