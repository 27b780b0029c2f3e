"""One retry of a run at a time: Temporal would let a second reset cut off the run that the first one made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakValueDictionary

from perdure.bus import KeyValue
from perdure.bus.lease import Lease, Leases
from perdure.errors import Unavailable
from perdure.values.utc import utc_now

__all__ = ["RetryTurns"]

_LONGEST: Final = timedelta(seconds=30)  # a process that has not ended a retry by then is considered dead
_WAITS: Final = 4.0  # seconds: not for longer than the client waits for its reply
_PAUSE: Final = 0.1  # seconds


class RetryTurns:
    """Lets one request at a time retry a run, in whatever process: the same act is asked for again if it takes long.

    Args:
        entries: The bucket that all bridges share.
        holder: This process. A restarted process has the same name, so a retry that it died in holds up nothing.
        now: Returns the time (UTC) of the NATS server.
    """

    def __init__(self, entries: KeyValue, holder: str, now: Callable[[], datetime] = utc_now) -> None:
        self._leases = Leases(entries, holder, Lease, duration=_LONGEST, prefix="retry.")
        self._now = now
        self._here = WeakValueDictionary[str, asyncio.Lock]()  # by run, for as long as a request has its lock

    @asynccontextmanager
    async def of(self, workflow_id: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it for the duration of the block.

        Raises:
            Unavailable: Another retry of the run takes too long, or NATS does not answer.
        """
        here = self._here.setdefault(workflow_id, asyncio.Lock())
        try:
            async with asyncio.timeout(_WAITS):
                await here.acquire()
        except TimeoutError as error:
            raise _under_way(workflow_id) from error
        try:
            lease = await self._acquired(workflow_id)
            try:
                yield
            finally:
                await self._leases.release(workflow_id, lease, self._now())
        finally:
            here.release()

    async def _acquired(self, workflow_id: str) -> Lease:
        try:
            async with asyncio.timeout(_WAITS):
                while (lease := await self._leases.acquire(workflow_id, self._now())) is None:
                    await asyncio.sleep(_PAUSE)
        except TimeoutError as error:
            raise _under_way(workflow_id) from error
        return lease


def _under_way(workflow_id: str) -> Unavailable:
    return Unavailable(f"Another retry of {workflow_id} is under way: ask again.")
