"""Deletes durable consumers: their services must find that out and make them again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from nats.js import JetStreamContext

from perdure.bus.topology import CONSUMERS
from perdure.chaos.asked import asked
from perdure.chaos.strike import Strike
from perdure.errors import PerdureError

__all__ = ["ConsumerLoss"]

_AUDITED: Final = ("COMMANDS", "PROGRESS")  # of audit's consumers, one for each stream, these stand for the others
_BACK_WITHIN: Final = 60.0  # seconds
_LOOK_EVERY: Final = 0.2  # seconds


class ConsumerLoss:
    """Deletes a durable consumer.

    Attributes:
        targets: Stream and service, as ``EVENTS/ingest``.
    """

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self.targets: Sequence[str] = [
            f"{it.stream}/{it.service}" for it in CONSUMERS if it.service != "audit" or it.stream in _AUDITED
        ]

    @asynccontextmanager
    async def struck(self, strike: Strike) -> AsyncIterator[str]:
        """Delete a consumer, then wait until it is there again.

        Raises:
            PerdureError: Its service does not make it again in time.
        """
        stream, _, service = strike.target.partition("/")
        await asked(lambda: self._js.delete_consumer(stream, service))
        yield "deleted"
        try:
            async with asyncio.timeout(_BACK_WITHIN):
                while await asked(lambda: self._js.consumer_info(stream, service)) is None:
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError as error:
            raise PerdureError(f"{service} has not made its consumer on {stream} again.") from error
