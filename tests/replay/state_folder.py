"""State folders of earlier versions, as their ``perdure up`` left them when it was killed."""

import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.binaries import binary
from tests.support.ports import give_ports

__all__ = ["ARCHIVES", "STATE", "WHO", "running", "unpack"]

ARCHIVES: Final = Path(__file__).with_name("state")
STATE: Final = ".perdure"
"""The state folder's name, beside its configuration and its module."""

WHO: Final = "ann"
"""Whose key lies in it: she made the folder, and may approve."""

_STOPPED_WITHIN: Final = 40.0  # seconds


def unpack(version: str, folder: Path) -> None:
    """Lay the folder of a version where nothing is yet."""
    [archive] = ARCHIVES.glob(f"{version}.tar.*")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


@contextmanager
def running(
    folder: Path,
    *,
    ended_by: signal.Signals = signal.SIGINT,
    before: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run ``perdure up`` in a folder for as long as the block lasts.

    Args:
        folder: Holds a configuration, and maybe a state.
        ended_by: How it is ended.
        before: Words of a command that runs this one.
        environment: What it gets beside this process's own.
    """
    give_ports(folder / STATE)
    command = [*before, binary("perdure"), "up", "--json"]
    variables = {**os.environ, **(environment or {})}
    up = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=variables)
    try:
        assert up.stdout is not None
        if not any("services" in json.loads(line) for line in up.stdout):
            raise AssertionError("perdure up has ended before it was up")
        yield up
    finally:
        up.send_signal(ended_by)
        up.wait(_STOPPED_WITHIN)
        assert up.stdout is not None
        up.stdout.close()
