"""One running program: in a session of its own, its words in a file, and never left behind."""

import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Final, Self

from perdure.local.program import Program

__all__ = ["Process"]

_STOPPED_WITHIN: Final = 15.0  # seconds from SIGTERM to SIGKILL
_LARGEST_LOG: Final = 10 * 1024 * 1024  # bytes; then the log is put aside, once
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_LIBC: Final = ctypes.CDLL(None)  # loaded before any fork


class Process:
    """A program that was started."""

    def __init__(self, child: asyncio.subprocess.Process, log: Path) -> None:
        self._child = child
        self._log = log

    @classmethod
    async def start(cls, program: Program, logs: Path) -> Self:
        """Start a program; a Ctrl-C at the terminal does not reach it, the supervisor stops it in its turn."""
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{program.name}.log"
        if log.exists() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as out:
            child = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **program.environment},
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        return cls(child, log)

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._child.pid

    async def wait(self) -> int:
        """Wait until it ends; returns its exit code, or minus the signal that ended it. Its group ends with it."""
        code = await self._child.wait()
        self._kill_group()
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        if self._child.returncode is None:
            self._child.send_signal(number)

    async def stop(self) -> None:
        """Ask it to end, and make it."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOPPED_WITHIN):
                await self.wait()
        except TimeoutError:
            self._kill_group()
            await self.wait()

    def last_output(self, lines: int = 5) -> str:
        """Return the end of its log."""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - 4_096))
            return "\n".join(map(_spoken, log.read().decode(errors="replace").splitlines()[-lines:]))

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left of it


def _spoken(line: str) -> str:
    """Of a JSON log line, what it says to people."""
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return line


def _die_with_parent() -> None:
    """Ask Linux to kill this child when the supervisor is killed: then not even that leaves anything behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
