"""Runs a program on a terminal of its own, and types what it asks for."""

import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["on_terminal"]


def on_terminal(
    command: Sequence[str], typed: Sequence[str], *, folder: Path, environment: Mapping[str, str]
) -> tuple[int, str]:
    """Run a command on a terminal; a line is typed whenever it shows a prompt, which ends with ``: ``.

    Returns:
        Its exit code and what the terminal showed.
    """
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=folder,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    os.close(its)
    shown, left = b"", list(typed)
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # Linux reports the end of a terminal so
            break
        if not part:
            break
        shown += part
        if left and shown.endswith(b": "):
            os.write(ours, f"{left.pop(0)}\n".encode())
    os.close(ours)
    return process.wait(timeout=60), shown.decode()
