"""Takes the runs out of STUCK that go on, since their code is mended, or have ended."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import Bus, StoredMessage
from perdure.bus.views.stuck_runs import has_ended, read_stuck
from perdure.connections.executions import describe_execution
from perdure.contracts.runs import StuckRun
from perdure_orchestrator.stuck_runs import failures_in_a_row

__all__ = ["FORGET_EVERY", "MendedRuns"]

FORGET_EVERY: Final = timedelta(seconds=3)

_ALL: Final = "stuck.>"
_MOST: Final = 200  # runs a look: thousands take some looks, and cost Temporal no more than these
_AT_ONCE: Final = 8  # requests


class MendedRuns:
    """Compares what STUCK holds with Temporal, some of it at each look; several processes may do it."""

    def __init__(self, client: Client, bus: Bus) -> None:
        self._client = client
        self._bus = bus
        self._after = 0  # the sequence of the last message that was compared; 0 at the beginning of a round

    async def forget(self) -> None:
        """Delete the next ones that wait no longer.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not answer.
        """
        stored = await self._next()
        for start in range(0, len(stored), _AT_ONCE):
            await asyncio.gather(*(self._compare(message) for message in stored[start : start + _AT_ONCE]))

    async def _next(self) -> Sequence[StoredMessage]:
        newest = await self._bus.last(_ALL)
        found: list[StoredMessage] = []
        if newest is not None:
            async for message in self._bus.read_range(_ALL, first=self._after + 1, last=newest.sequence):
                found.append(message)
                if len(found) == _MOST:
                    break
        self._after = found[-1].sequence if len(found) == _MOST else 0
        return found

    async def _compare(self, message: StoredMessage) -> None:
        run = read_stuck(message)
        if run is not None and (await has_ended(self._bus, run) or await self._goes_on(run)):
            await self._bus.delete(message.stream, message.sequence)

    async def _goes_on(self, run: StuckRun) -> bool:
        try:
            found = await describe_execution(self._client, run.workflow_id, run.run_id)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return True  # it was deleted
        return not found.is_open or not failures_in_a_row(found)
