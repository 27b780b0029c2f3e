"""Publishes events as a user's program would: retries with the same message id until NATS acknowledges."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from perdure.chaos.plan import Planned
from perdure.contracts import to_token
from perdure.errors import Unavailable

__all__ = ["Load"]

_ACKNOWLEDGED_WITHIN: Final = 2.0  # seconds before a retry
_RETRY_AFTER: Final = 0.2  # seconds
_EXTRA: Final = 180.0  # seconds of NATS downtime in all, after which the publisher gives up


class Load:
    """Publishes events at an even rate; events that were delayed by an outage follow without a pause.

    Attributes:
        published: Events whose every copy NATS has acknowledged.
    """

    def __init__(self, js: JetStreamContext, events: Sequence[Planned], *, seconds: float) -> None:
        self._js = js
        self._events = events
        self._seconds = seconds
        self.published: list[Planned] = []

    async def publish(self) -> None:
        """Publish all events.

        Raises:
            Unavailable: NATS was unavailable for too long.
        """
        began, interval = time.monotonic(), self._seconds / len(self._events)
        try:
            async with asyncio.timeout(self._seconds + _EXTRA):
                for number, event in enumerate(self._events):
                    await asyncio.sleep(max(0.0, began + number * interval - time.monotonic()))
                    await self.publish_one(event)
        except TimeoutError as error:
            raise Unavailable(
                f"NATS was unavailable for too long: only {len(self.published)} of {len(self._events)} events are "
                "published."
            ) from error

    async def publish_one(self, event: Planned) -> None:
        """Publish every copy of an event, and its signal; waits until NATS has acknowledged all."""
        for copy in range(event.copies):
            await self._publish_copy(event, copy)
        if event.signal is not None:
            run = to_token(f"box-{event.id}")
            await self._publish(f"signals.{run}.item", event.signal, {"Nats-Msg-Id": f"{event.id}.signal"})
        self.published.append(event)

    async def _publish_copy(self, event: Planned, copy: int) -> None:
        headers = {
            "Nats-Msg-Id": event.id if copy == 0 else f"{event.id}.{copy}",
            "content-type": "application/json",
            "ce-datacontenttype": "application/json",
            "ce-specversion": "1.0",
            "ce-id": quote(event.id),
            "ce-type": event.type,
            "ce-source": "perdure/chaos",
        }
        await self._publish(f"events.{event.type}", event.body, headers)

    async def _publish(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        while True:
            try:
                await self._js.publish(subject, body, timeout=_ACKNOWLEDGED_WITHIN, headers=headers)
            except (NatsError, OSError):
                await asyncio.sleep(_RETRY_AFTER)  # NATS was killed: the same id makes the retry safe
            else:
                return
