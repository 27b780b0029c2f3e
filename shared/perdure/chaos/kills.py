"""kill -9, one part at a time; the next only once the last is back."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from perdure.errors import PerdureError
from perdure.local.state import Endpoints, read_endpoints
from perdure.local.suite import service_of

__all__ = ["Back", "Killed", "Killer"]

_BACK_WITHIN: Final = 120.0  # seconds
_LOOK_EVERY: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Killed:
    """A part was killed; ``seconds`` since the chaos began."""

    name: str
    pid: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Back:
    """A part that was killed can do its work again, ``seconds`` later."""

    name: str
    pid: int
    seconds: float


class Killer:
    """Kills parts of the suite of a state folder, which tells there what process each part is.

    Attributes:
        killed: How often each victim was killed.
    """

    def __init__(self, state: Path, order: Iterator[str], *, seed: int, tell: Callable[[Killed | Back], None]) -> None:
        self._state = state
        self._order = order
        self._random = Random(f"processes {seed}")  # noqa: S311 (to be repeated, not to be secret)
        self._tell = tell
        self._began = time.monotonic()
        self.killed: dict[str, int] = {}

    async def kill(self) -> None:
        """Kill the next victim and wait until it is back.

        Raises:
            PerdureError: It does not come back, or the suite is gone.
        """
        victim = next(self._order)
        processes = sorted(name for name in self._endpoints().pids if service_of(name) == victim)
        name = self._random.choice(processes)
        pid = await self._kill(name)
        self.killed[victim] = self.killed.get(victim, 0) + 1
        killed = time.monotonic()
        self._tell(Killed(name, pid, killed - self._began))
        new = await self._successor(name, pid)
        self._tell(Back(name, new, time.monotonic() - killed))

    async def _kill(self, name: str) -> int:
        """Kill the process; one that has ended by itself is waited for first."""
        while True:
            pid = self._endpoints().pids[name]
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                await self._successor(name, pid)
            else:
                return pid

    async def _successor(self, name: str, pid: int) -> int:
        """Wait for the next process of this name; the suite tells of it once it is ready."""
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while (found := self._endpoints().pids[name]) == pid:
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise PerdureError(f"{name} was not back {_BACK_WITHIN:.0f} s after process {pid} was killed.") from error
        return found

    def _endpoints(self) -> Endpoints:
        endpoints = read_endpoints(self._state)
        if endpoints is None:
            raise PerdureError(f"The suite of {self._state} is gone.")
        return endpoints
