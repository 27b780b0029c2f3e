"""Renews the ack wait of what a process holds: only what a dead process held is delivered to another one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.bus.topology import RENEW_ACKS_SECONDS

__all__ = ["MOST_BYTES", "Held", "renewing_acks"]

MOST_BYTES: Final = 32 * 1024 * 1024
"""Most bytes of the bodies that a process holds of one stream; one message more may be held if it is larger."""


class Held(Protocol):
    """A delivered message that is not settled."""

    async def in_progress(self) -> None:
        """Renew the ack wait."""


@asynccontextmanager
async def renewing_acks(client: Client, held: Callable[[], Iterable[Held]]) -> AsyncIterator[None]:
    """Renew the ack wait of what is held, for the duration of the block, while there is a connection."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_ACKS_SECONDS)
            for one in list(held()):
                if client.is_connected:
                    try:
                        await one.in_progress()
                    except (NatsError, OSError):  # the connection was lost meanwhile
                        break

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
