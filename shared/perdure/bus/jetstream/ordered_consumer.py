"""Consumes one stream in the order of storage, while this process holds the lease of it.

A durable consumer does not keep an order: what a dead process held is delivered again after the ack wait, behind newer
messages. So a gap in the sequences is filled from the stream itself before a newer message is handled. What is handled
twice because of that counts once, as with every redelivery.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.pull import Pull
from perdure.bus.jetstream.renewal import MOST_BYTES, Held, renewing_acks
from perdure.bus.ordered import HeldDelivery, Lanes
from perdure.bus.port import Bus, StoredMessage
from perdure.bus.topology import STREAMS
from perdure.errors import Unavailable

__all__ = ["OrderedConsumer"]

_MOST_HELD: Final = 256  # messages; as many as the server delivers unacknowledged
_RETRY_SECONDS: Final = 0.25

_Place = tuple[int, datetime]

_log = logging.getLogger(__name__)


def _place(message: StoredMessage) -> _Place:
    """Return what no other message has: a stream that has lost its tail gives a sequence again."""
    return message.sequence, message.stored_at


class OrderedConsumer:
    """The durable consumer of one service on one stream, read in order.

    Args:
        bus: Reads what is missing from the stream.
        client: Pulls what the consumer delivers.
        service: The service, whose name the consumer has.
        stream: Name of the stream.
        lanes: Returns the lanes of a message; none if it keeps no order.
        attempt: Handles and settles a message.
        concurrency: How many messages are handled at the same time.
    """

    def __init__(  # noqa: PLR0913 (the parts of one subscription)
        self,
        bus: Bus,
        client: Client,
        *,
        service: str,
        stream: str,
        lanes: Callable[[StoredMessage], Collection[str]],
        attempt: Callable[[HeldDelivery], Awaitable[None]],
        concurrency: int,
    ) -> None:
        self._bus = bus
        self._client = client
        self._js = client.jetstream()
        self._pull = Pull(client, stream, service)
        self._service = service
        self._stream = STREAMS[stream]
        self._lanes_of = lanes
        self._lanes = Lanes(attempt, concurrency, self._done)
        self._held: dict[_Place, HeldDelivery] = {}
        self._ahead: dict[_Place, bool] = {}  # settled before they were delivered; whether as dead letters
        self._next = 1
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Consume until cancelled; then give back what is not settled."""
        async with renewing_acks(self._client, self._unsettled):
            try:
                await self._take_over()
                await self._consume()
            finally:
                await self._lanes.stop()
                for held in self._held.values():
                    if held.server is not None:
                        with suppress(NatsError):  # without a server, it delivers them again after the ack wait
                            await held.server.nak(0)
                self._held.clear()
                self._ahead.clear()

    async def _consume(self) -> None:
        async with self._pull:
            while True:
                while (room := _MOST_HELD - len(self._held)) <= 0 or (room_bytes := MOST_BYTES - self._bytes) <= 0:
                    self._room.clear()
                    await self._room.wait()
                for message in await self._pull.take(1, room=room, room_bytes=room_bytes):
                    await self._receive(NatsDelivery(message, confirmed=True))

    @property
    def _bytes(self) -> int:
        return sum(len(held.message.raw.body) for held in self._held.values())

    def _unsettled(self) -> list[Held]:
        return [*(held.server for held in self._held.values() if held.server is not None), *self._pull.arrived]

    async def _receive(self, delivery: NatsDelivery) -> None:
        """Put a delivered message into its lane, behind every older one of the stream."""
        sequence = delivery.message.sequence
        while True:
            try:
                await self._fill(sequence)
                break
            except Unavailable as error:
                _log.warning("cannot read what lies before %s %d: %s", self._stream.name, sequence, error)
                await asyncio.sleep(_RETRY_SECONDS)
        self._next = max(self._next, sequence + 1)
        place = _place(delivery.message)
        if place in self._held:
            self._held[place].server = delivery
        elif (is_dead_lettered := self._ahead.pop(place, None)) is not None:
            await (delivery.term() if is_dead_lettered else delivery.ack())
        else:
            self._hold(HeldDelivery(delivery.message, delivery))

    async def _fill(self, end: int) -> None:
        """Read the messages before this sequence that were delivered to another process, or are still to come.

        Raises:
            Unavailable: The server does not answer.
        """
        while self._next < end:
            missing = await self._bus.first(self._stream.subjects, after=self._next - 1)
            if missing is None or missing.sequence >= end:
                self._next = end
            else:
                if _place(missing) not in self._held:
                    self._hold(HeldDelivery(missing))
                self._next = missing.sequence + 1

    def _hold(self, held: HeldDelivery) -> None:
        self._held[_place(held.message)] = held
        self._lanes.add(self._lanes_of(held.message), held)

    def _done(self, held: HeldDelivery) -> None:
        del self._held[_place(held.message)]
        if held.server is None:
            self._ahead[_place(held.message)] = held.is_dead_lettered
        self._room.set()

    async def _take_over(self) -> None:
        """Begin with what another process, now dead perhaps, was given and has not settled."""
        while True:
            try:
                consumer = await self._js.consumer_info(self._stream.name, self._service)
                self._next = (consumer.ack_floor.stream_seq if consumer.ack_floor else 0) + 1
                await self._fill((consumer.delivered.stream_seq if consumer.delivered else 0) + 1)
            except (NatsError, OSError, Unavailable) as error:
                _log.warning("cannot read what is not settled of %s: %r", self._stream.name, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
