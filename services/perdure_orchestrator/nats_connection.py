"""NATS for a worker that opens its own connection: connected when it is first needed, closed with the last worker."""

import asyncio
from contextlib import suppress
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.bus import NatsBus, NatsObjects
from perdure.config.settings import NatsSettings
from perdure.connections.nats import accept_any_subject, connection_options
from perdure_orchestrator.payload_store import PAYLOADS

__all__ = ["NatsConnection"]

_NAME: Final = "perdure/worker"
_ROLE: Final = "orchestrator"


class NatsConnection:
    """A connection with the permissions of the orchestrator.

    Attributes:
        bus: Usable while the connection is open.
        objects: The large payloads; each access opens the connection.
    """

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._client = Client()
        self._opening = asyncio.Lock()
        self.bus = NatsBus(self._client, _NAME)
        self.objects = _Objects(self)

    async def open(self) -> None:
        """Connect, and wait until a server answers; an open connection stays as it is.

        Raises:
            SetupError: The credentials cannot be read.
        """
        async with self._opening:
            if self._client.is_connected or self._client.is_reconnecting:
                return
            await self._client.connect(**connection_options(self._settings, _NAME, _ROLE))
            accept_any_subject(self._client)

    async def close(self) -> None:
        """Close the connection, if it is open."""
        with suppress(NatsError, OSError):  # a connection that has just broken cannot be drained
            await (self._client.drain() if self._client.is_connected else self._client.close())


class _Objects:
    """The bucket of large payloads; see ``Objects``."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection
        self._bucket = NatsObjects(connection.bus.js, PAYLOADS)

    async def put(self, name: str, data: bytes) -> None:
        """Store data under a name; see ``Objects.put``."""
        await self._connection.open()
        await self._bucket.put(name, data)

    async def get(self, name: str) -> bytes:
        """Return the data; see ``Objects.get``."""
        await self._connection.open()
        return await self._bucket.get(name)
