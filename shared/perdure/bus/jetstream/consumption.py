"""Consumes one durable consumer: so many messages at a time, the others wait in JetStream."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.bus.app import Subscription
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.pull import Pull
from perdure.bus.settlement import Delivery
from perdure.bus.topology import RENEW_ACKS_SECONDS

__all__ = ["Consumption"]

_MOST_BYTES: Final = 32 * 1024 * 1024  # of bodies that are handled at the same time
_STOP_SECONDS: Final = 15.0  # for the messages in progress, before they are given up

_log = logging.getLogger(__name__)


class Consumption:
    """Handles the messages of one subscription.

    Args:
        client: The client that pulls.
        service: The service, whose name the consumer has.
        subscription: The subscription.
        settled: Handles and settles one delivery.
    """

    def __init__(
        self, client: Client, service: str, subscription: Subscription, settled: Callable[[Delivery], Awaitable[None]]
    ) -> None:
        self._pull = Pull(client, subscription.stream, service)
        self._subscription = subscription
        self._settled = settled
        self._running: dict[asyncio.Task[None], Msg] = {}

    async def run(self) -> None:
        """Consume until cancelled; then wait for the messages in progress.

        Raises:
            NatsError: The connection is closed for good.
        """
        renewing = asyncio.create_task(self._renew_acks())
        try:
            async with self._pull:
                while True:
                    await self._room()
                    for message in await self._pull.take(
                        self._subscription.concurrency - len(self._running), most_bytes=_MOST_BYTES - self._bytes
                    ):
                        self._start(message)
        finally:
            await self._finish()
            renewing.cancel()

    @property
    def _bytes(self) -> int:
        return sum(len(message.data) for message in self._running.values())

    async def _room(self) -> None:
        """Wait until one more message may be handled, or all are, where batches are asked for."""
        most = 1 if self._subscription.fetch_in_batches else self._subscription.concurrency
        while len(self._running) >= most or self._bytes >= _MOST_BYTES:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # lets the ended tasks be forgotten

    def _start(self, message: Msg) -> None:
        task = asyncio.create_task(self._handle(message))
        self._running[task] = message
        task.add_done_callback(self._running.pop)

    async def _handle(self, message: Msg) -> None:
        try:
            await self._settled(NatsDelivery(message, confirmed=self._subscription.confirm_acks))
        except (NatsError, OSError) as error:
            _log.warning("cannot settle a message of %s, which is delivered again: %r", message.subject, error)

    async def _finish(self) -> None:
        if not self._running:
            return
        _, left = await asyncio.wait(self._running, timeout=_STOP_SECONDS)
        for task in left:
            task.cancel()

    async def _renew_acks(self) -> None:
        while True:
            await asyncio.sleep(RENEW_ACKS_SECONDS)
            for message in list(self._running.values()):
                with suppress(NatsError):  # without a server, it delivers the message again
                    await message.in_progress()
