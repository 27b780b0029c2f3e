"""Kills processes with SIGKILL; the supervisor starts each again."""

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from perdure.chaos.processes import Processes
from perdure.chaos.strike import Strike

__all__ = ["Kill"]


class Kill:
    """Kills one process of a part; the fault is over once its successor is ready.

    Attributes:
        targets: The parts to kill.
    """

    def __init__(self, processes: Processes, targets: Sequence[str]) -> None:
        self._processes = processes
        self.targets = targets

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Kill a process, then wait for its successor.

        Raises:
            PerdureError: No successor is ready in time, or the suite is not running.
        """
        name = self._processes.choose(strike.target, strike.roll)
        pid = await self._processes.send(name, signal.SIGKILL)
        yield f"kill -9 {name}, process {pid}"
        await self._processes.successor(name, pid)
