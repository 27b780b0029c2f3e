"""The publisher: a program like any user's, which tries again under the same id until NATS has acknowledged."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.plan import Planned
from perdure.errors import Unavailable

__all__ = ["Load"]

_ACKNOWLEDGED_WITHIN: Final = 2.0  # seconds; then one tries again
_AGAIN_AFTER: Final = 0.2  # seconds
_EXTRA: Final = 180.0  # seconds that NATS may be away in all before the publisher gives up


class Load:
    """Publishes events, evenly spread over a time; what could not be sent meanwhile is made up for.

    Attributes:
        published: Events of which NATS has acknowledged every copy.
    """

    def __init__(self, js: JetStreamContext, events: Sequence[Planned], *, seconds: float) -> None:
        self._js = js
        self._events = events
        self._seconds = seconds
        self.published: list[Planned] = []

    async def publish(self) -> None:
        """Publish all.

        Raises:
            Unavailable: NATS was away for too long.
        """
        began, apart = time.monotonic(), self._seconds / len(self._events)
        try:
            async with asyncio.timeout(self._seconds + _EXTRA):
                for number, event in enumerate(self._events):
                    await asyncio.sleep(max(0.0, began + number * apart - time.monotonic()))
                    for copy in range(event.copies):
                        await self._one(event, copy)
                    self.published.append(event)
        except TimeoutError as error:
            raise Unavailable(
                f"Only {len(self.published)} of {len(self._events)} events could be published."
            ) from error

    async def _one(self, event: Planned, copy: int) -> None:
        headers = {
            "Nats-Msg-Id": event.id if copy == 0 else f"{event.id}.{copy}",
            "content-type": "application/json",
            "ce-specversion": "1.0",
            "ce-id": quote(event.id),
            "ce-type": event.type,
            "ce-source": "perdure/chaos",
        }
        while True:
            try:
                await self._js.publish(
                    f"events.{event.type}", event.body, timeout=_ACKNOWLEDGED_WITHIN, headers=headers
                )
            except (NatsError, OSError):
                await asyncio.sleep(_AGAIN_AFTER)  # NATS was killed: this is what the same id is for
            else:
                return
