"""``perdure up`` in the foreground of a terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.binaries import binary

__all__ = ["UpTerminal", "up_terminal"]

_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")


class UpTerminal:
    """A terminal with ``perdure up`` in its foreground."""

    def __init__(self, folder: Path, *, ignores_hangups: bool) -> None:
        self._ours, its = pty.openpty()

        def control() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignores_hangups:  # as nohup does
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.up = subprocess.Popen(
            [binary("perdure"), "up"],
            stdin=its,
            stdout=its,
            stderr=its,
            cwd=folder,
            start_new_session=True,
            preexec_fn=control,  # noqa: PLW1509 (no other thread holds a lock that it takes)
        )
        os.close(its)

    def read_until(self, text: str) -> list[str]:
        """Wait until it shows a text, and return the lines since the last call, without their styles."""
        shown = b""
        while text not in shown.decode(errors="replace"):
            ready, _, _ = select.select([self._ours], [], [], 60)
            assert ready, f"it shows only: {shown.decode(errors='replace')}"
            shown += os.read(self._ours, 4096)
        return _STYLE.sub("", shown.decode(errors="replace")).splitlines()

    def press_ctrl_c(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        os.write(self._ours, b"\x03")
        self.read_until("nats          stopped")
        return self.up.wait(40)

    def close(self) -> None:
        os.close(self._ours)


@contextmanager
def up_terminal(folder: Path, *, ignores_hangups: bool = False) -> Iterator[UpTerminal]:
    """Run ``perdure up`` in a folder on a terminal, from when it is up."""
    found = UpTerminal(folder, ignores_hangups=ignores_hangups)
    try:
        found.read_until("Try: perdure publish")
        yield found
    finally:
        found.up.terminate()
        found.up.wait(40)
