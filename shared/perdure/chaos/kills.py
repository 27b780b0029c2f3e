"""Kills processes of a suite with SIGKILL, one at a time; the next only after the last is ready again."""

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
from perdure.local.services import service_of
from perdure.local.state import Endpoints, read_endpoints

__all__ = ["Back", "Killed", "Killer"]

_BACK_WITHIN: Final = 120.0  # seconds
_LOOK_EVERY: Final = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Killed:
    """A process was killed, ``seconds`` after the chaos began."""

    name: str
    pid: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Back:
    """A killed process has a ready successor, ``seconds`` after the kill."""

    name: str
    pid: int
    seconds: float


class Killer:
    """Kills processes of the suite of a state folder; their ids are in its ``endpoints.json``.

    Attributes:
        killed: Number of kills by victim.
    """

    def __init__(
        self, state: Path, order: Iterator[str], *, seed: int, report: Callable[[Killed | Back], None]
    ) -> None:
        self._state = state
        self._order = order
        self._random = Random(f"processes {seed}")  # noqa: S311 (repeatable, not secret)
        self._report = report
        self._began = time.monotonic()
        self.killed: dict[str, int] = {}

    async def kill(self) -> None:
        """Kill the next victim and wait until its successor is ready.

        Raises:
            PerdureError: No successor is ready in time, or the suite is not running.
        """
        victim = next(self._order)
        processes = sorted(name for name in self._endpoints().pids if service_of(name) == victim)
        name = self._random.choice(processes)
        pid = await self._kill(name)
        self.killed[victim] = self.killed.get(victim, 0) + 1
        killed = time.monotonic()
        self._report(Killed(name, pid, killed - self._began))
        successor = await self._successor(name, pid)
        self._report(Back(name, successor, time.monotonic() - killed))

    async def _kill(self, name: str) -> int:
        """Kill a process and return its id; wait for a successor first if the process has already ended."""
        while True:
            pid = self._endpoints().pids[name]
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                await self._successor(name, pid)
            else:
                return pid

    async def _successor(self, name: str, pid: int) -> int:
        """Wait for the next process of this name; the suite publishes its id once it is ready."""
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while (found := self._endpoints().pids[name]) == pid:
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise PerdureError(
                f"{name} was not ready {_BACK_WITHIN:.0f} s after process {pid} was killed. See its log in "
                f"{self._state / 'logs'}."
            ) from error
        return found

    def _endpoints(self) -> Endpoints:
        endpoints = read_endpoints(self._state)
        if endpoints is None:
            raise PerdureError(f"No suite runs on {self._state} any more.")
        return endpoints
