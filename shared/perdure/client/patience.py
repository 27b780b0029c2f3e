"""Requests that outlast the restart of the service that answers them."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from perdure.bus.settlement import backoff_seconds
from perdure.bus.views.found_runs import Requests
from perdure.errors import Unavailable

__all__ = ["PatientRequests"]

_WAITS: Final = 60.0  # seconds: a service restarts in a few, a busy machine takes longer
_LONGEST: Final = 4  # tries after which pauses grow no more: that is at most three seconds


class PatientRequests:
    """Sends a request again while nobody answers; only for requests that change nothing twice.

    Args:
        bus: Sends them.
        report: Called with the subject of a request that waits, before each pause.
    """

    def __init__(self, bus: Requests, report: Callable[[str], None]) -> None:
        self._bus = bus
        self._report = report

    async def request(self, subject: str, body: bytes) -> bytes:
        """Send a request, and return the body of its reply.

        Raises:
            Unavailable: Nobody has answered for a minute.
        """
        until, tries = monotonic() + _WAITS, 0
        while True:
            try:
                return await self._bus.request(subject, body)
            except Unavailable:
                if monotonic() >= until:
                    raise
            self._report(subject)
            tries = min(tries + 1, _LONGEST)
            await asyncio.sleep(backoff_seconds(tries))
