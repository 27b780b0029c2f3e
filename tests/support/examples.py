"""The modules of the example folders, which are no packages."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

__all__ = ["EXAMPLES", "example"]

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


def example(folder: str, module: str) -> ModuleType:
    """Import a module as a worker that was started in its folder does."""
    if str(EXAMPLES / folder) not in sys.path:
        sys.path.append(str(EXAMPLES / folder))
    return import_module(module)
