"""The processes of a running suite, as its ``endpoints.json`` names them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from perdure.errors import PerdureError
from perdure.local.service_house import service_state
from perdure.local.services import service_of
from perdure.local.state import Endpoints, read_endpoints

__all__ = ["Processes"]

_BACK_WITHIN: Final = 120.0  # seconds
_LOOK_EVERY: Final = 0.05  # seconds
_ANSWERS_WITHIN: Final = 1.0  # seconds


class Processes:
    """Finds and signals the processes of the suite of a state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state

    def parts(self) -> set[str]:
        """Return the parts that have a process."""
        return {service_of(name) for name in self._endpoints().pids}

    def choose(self, part: str, roll: float) -> str:
        """Return one of the processes of a part."""
        names = sorted(name for name in self._endpoints().pids if service_of(name) == part)
        return names[int(roll * len(names))]

    async def send(self, name: str, number: signal.Signals) -> int:
        """Signal a process and return its id; wait for a successor first if the process has already ended."""
        while True:
            pid = self._endpoints().pids[name]
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                await self.successor(name, pid)
            else:
                return pid

    async def successor(self, name: str, pid: int) -> int:
        """Wait for the next process of this name; the suite publishes its id once it is ready.

        Raises:
            PerdureError: None is ready in time.
        """
        async with self._bounded(name, f"process {pid} ended"):
            while (found := self._endpoints().pids[name]) == pid:
                await asyncio.sleep(_LOOK_EVERY)
        return found

    async def ready(self, name: str) -> None:
        """Wait until a service says that it is ready; the servers have no such page.

        Raises:
            PerdureError: It is not ready in time.
        """
        endpoints = self._endpoints()
        async with self._bounded(name, "the fault was over"):
            while name in endpoints.services:
                state = await service_state(endpoints.services[name], endpoints.instance, within=_ANSWERS_WITHIN)
                if state.house == "ours" and not state.missing:
                    return
                await asyncio.sleep(_LOOK_EVERY)

    @asynccontextmanager
    async def _bounded(self, name: str, since: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                yield
        except TimeoutError as error:
            raise PerdureError(
                f"{name} was not ready {_BACK_WITHIN:.0f} s after {since}. See its log in {self._state / 'logs'}."
            ) from error

    def _endpoints(self) -> Endpoints:
        endpoints = read_endpoints(self._state)
        if endpoints is None:
            raise PerdureError(f"No suite runs on {self._state} any more.")
        return endpoints
