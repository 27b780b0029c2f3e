"""Consumes one durable consumer: so many messages at a time, the others wait in JetStream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from perdure.bus.app import Subscription
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.pull import Pull
from perdure.bus.jetstream.renewal import MOST_BYTES, renewing_acks
from perdure.bus.settlement import Delivery

__all__ = ["Consumption"]

_STOP_SECONDS: Final = 15.0  # for the messages in progress, before they are given up

_log = logging.getLogger(__name__)


class Consumption:
    """Handles the messages of one subscription.

    Args:
        client: The client that pulls.
        service: The service, whose name the consumer has.
        subscription: The subscription.
        settle: Handles and settles one delivery.
    """

    def __init__(
        self, client: Client, service: str, subscription: Subscription, settle: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        self._client = client
        self._pull = Pull(client, subscription.stream, service)
        self._subscription = subscription
        self._settle = settle
        self._running: dict[asyncio.Task[None], Msg] = {}

    async def run(self) -> None:
        """Consume until cancelled; then wait for the messages in progress.

        Raises:
            ConnectionClosedError: The connection is closed for good.
        """
        async with renewing_acks(self._client, self._unsettled):
            try:
                async with self._pull:
                    await self._consume()
            finally:
                await self._finish()

    async def _consume(self) -> None:
        while True:
            await self._wait_for_room()
            room = self._subscription.concurrency - len(self._running)
            for message in await self._pull.take(room, room=room, room_bytes=MOST_BYTES - self._bytes):
                task = asyncio.create_task(self._handle(message))
                self._running[task] = message
                task.add_done_callback(self._running.pop)

    @property
    def _bytes(self) -> int:
        return sum(len(message.data) for message in self._running.values())

    def _unsettled(self) -> list[Msg]:
        return [*self._running.values(), *self._pull.arrived]

    async def _wait_for_room(self) -> None:
        """Wait until one more message may be handled, or all are, where batches are asked for."""
        most = 1 if self._subscription.fetch_in_batches else self._subscription.concurrency
        while len(self._running) >= most or self._bytes >= MOST_BYTES:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # lets the ended tasks be forgotten

    async def _handle(self, message: Msg) -> None:
        try:
            await self._settle(NatsDelivery(message, confirmed=self._subscription.confirm_acks))
        except Exception:  # noqa: BLE001 (the boundary: a message that is not settled is delivered again)
            _log.exception("cannot settle a message of %s", self._subscription.stream)

    async def _finish(self) -> None:
        if not self._running:
            return
        _, left = await asyncio.wait(self._running, timeout=_STOP_SECONDS)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
