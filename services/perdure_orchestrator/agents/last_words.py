"""The end of what an MCP server's process writes beside its messages: it says why the server does not start."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import Final, TextIO

from perdure.runtime.stderr import print_error
from perdure.values.printable import printable
from perdure_orchestrator.agents.redaction import Redactor

__all__ = ["LastWords"]

_LINES: Final = 5
_LONGEST: Final = 300  # characters of a line
_CHUNK: Final = 8_192  # characters that are read of a line without an end
_END_WITHIN: Final = 1.0  # seconds; a process that the server has left behind may hold the pipe open


class LastWords:
    """Hands a process's output on to the worker's standard error, without keys, and remembers its last lines."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._lines = deque[str](maxlen=_LINES)
        self._reader: Thread | None = None

    def sentence(self) -> str:
        """Return the last lines as the end of a sentence; empty if there are none."""
        return f". Its last output: {' | '.join(self._lines)}" if self._lines else ""

    @asynccontextmanager
    async def recorded(self) -> AsyncIterator[TextIO]:
        """Yield the file that the process gets as its standard error; close it once the process has it."""
        read, write = os.pipe()
        self._reader = Thread(target=self._read, args=(read,), daemon=True)
        self._reader.start()
        try:
            with os.fdopen(write, "w") as errors:
                yield errors
        finally:
            await self.complete()

    async def complete(self) -> None:
        """Wait a moment for the last line of a process that has ended."""
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join, _END_WITHIN)

    def _read(self, pipe: int) -> None:
        with os.fdopen(pipe, encoding="utf-8", errors="replace") as lines:
            for line in iter(partial(lines.readline, _CHUNK), ""):
                if line.strip():
                    self.record(line.rstrip("\n"))

    def record(self, line: str) -> None:
        """Show and remember a line."""
        shown = self._redactor.redact(line)  # before it is cut: half a key is not recognised
        print_error(shown)
        self._lines.append(printable(shown.strip()[:_LONGEST]))
