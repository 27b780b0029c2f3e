"""One retry of a run at a time: Temporal would let a second reset cut off the run that the first one made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Final

from perdure.bus import KeyValue
from perdure.bus.lease import Lease, Leases
from perdure.errors import Unavailable
from perdure.values.utc import utc_now

__all__ = ["RetryTurns"]

_LONGEST: Final = timedelta(seconds=30)  # a process that has not ended a retry by then is considered dead
_PAUSE: Final = 0.1  # seconds


class RetryTurns:
    """Lets one request at a time retry a run, in whatever process: the same act is asked for again if it takes long.

    Args:
        entries: The bucket that all bridges share.
        now: Returns the time (UTC) of the NATS server.
    """

    def __init__(self, entries: KeyValue, now: Callable[[], datetime] = utc_now) -> None:
        self._entries = entries
        self._now = now

    @asynccontextmanager
    async def of(self, workflow_id: str) -> AsyncIterator[None]:
        """Wait for the turn, and have it for the duration of the block.

        Raises:
            Unavailable: Another retry of the run takes too long, or NATS does not answer.
        """
        leases = Leases(self._entries, token_hex(8), Lease, duration=_LONGEST, prefix="retry.")
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                while (lease := await leases.acquire(workflow_id, self._now())) is None:
                    await asyncio.sleep(_PAUSE)
        except TimeoutError as error:
            raise Unavailable(f"Another retry of {workflow_id} is under way: ask again.") from error
        try:
            yield
        finally:
            await leases.release(workflow_id, lease, self._now())
