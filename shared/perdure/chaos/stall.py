"""Stops processes with SIGSTOP for a while: they keep their connections and their leases, and answer nothing."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from perdure.chaos.processes import Processes
from perdure.chaos.strike import Strike

__all__ = ["Stall"]


class Stall:
    """Stops one process of a part.

    Attributes:
        targets: The parts to stop.
    """

    def __init__(self, processes: Processes, targets: Sequence[str]) -> None:
        self._processes = processes
        self.targets = targets

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Stop a process, continue it at the end of the block, and wait until it is ready.

        Raises:
            PerdureError: It is not ready in time, or the suite is not running.
        """
        name = self._processes.choose(strike.target, strike.roll)
        pid = await self._processes.send(name, signal.SIGSTOP)
        try:
            yield f"SIGSTOP {name}, process {pid}, for {strike.seconds:.1f} s"
        finally:
            with suppress(ProcessLookupError):  # something else killed it meanwhile
                os.kill(pid, signal.SIGCONT)
        await self._processes.ready(name)
