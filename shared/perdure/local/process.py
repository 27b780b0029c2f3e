"""A child process: its own session, its output in a log file, and never orphaned."""

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from perdure.local.program import Program

__all__ = ["Process", "die_with_parent"]

_MAX_LOG_BYTES: Final = 10 * 1024 * 1024  # a larger log is rotated
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_LIBC: Final = ctypes.CDLL(None)  # loaded before any fork


class Process:
    """A started program."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path, stopped_within: float) -> None:
        self._child = child
        self._log = log
        self._group_has_ended = False
        self._stopped_within = stopped_within

    @classmethod
    async def start(cls, program: Program, logs: Path) -> Self:
        """Start a program in its own session, so that Ctrl-C reaches only the supervisor, which stops it in order."""
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{program.name}.log"
        _rotate(log)
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **program.environment},
                cwd=program.folder,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return cls(child, log, program.stopped_within)

    @property
    def pid(self) -> int:
        """The id of the process and of its process group."""
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._child.returncode is None

    async def wait(self) -> int:
        """Wait for the end, kill the rest of the group, and return the exit code, or minus the signal number."""
        code = await self._child.wait()
        self._kill_group()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, not to its group."""
        if self.is_running:
            self._child.send_signal(number)

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL to the group if the process has not ended in the program's time for it."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._stopped_within):
                await self.wait()
        except TimeoutError:
            self._kill_group()
            await self.wait()

    def last_output(self, lines: int = 5) -> str:
        """Return the last lines of the log, as plain messages."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 4_096))
            return "\n".join(map(_message, log.read().decode(errors="replace").splitlines()[-lines:]))

    def move_log(self, to: Path) -> None:
        """Give the log another name; the process goes on writing to it."""
        self._log = self._log.rename(to)

    def rotate_log(self) -> None:
        """Move the content of a log that has become too large to ``<name>.log.1``."""
        _rotate(self._log)

    def _kill_group(self) -> None:
        if not self._group_has_ended:  # else its id may be that of strangers by now
            with suppress(ProcessLookupError, PermissionError):  # it has ended
                os.killpg(self.pid, signal.SIGKILL)
        self._group_has_ended = not self.is_running


def _rotate(log: Path) -> None:
    """Copy and truncate, because a running process goes on writing to the same file; it appends, so to its new end."""
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def _message(line: str) -> str:
    """Return the message of a JSON log line; any other line as it is."""
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return line


def die_with_parent() -> None:
    """Make Linux kill this child when its parent is killed."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
