"""NATS for a worker, client or replayer that opens its own connection: open while somebody uses it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.bus import NatsBus, NatsObjects
from perdure.bus.content import Content
from perdure.config.settings import NatsSettings
from perdure.connections.nats import connection_options, refusal
from perdure.connections.protection import protect_connection
from perdure.errors import SetupError, Unavailable
from perdure.flow.payload_store import PAYLOADS

__all__ = ["NatsConnection"]

_NAME: Final = "perdure/worker"
_ROLE: Final = "orchestrator"
_ErrorReport = Callable[[Exception], Awaitable[None]]

_PAYLOAD_WITHIN: Final = 2.0  # seconds that one access to a payload waits for the connection; `PayloadStore` repeats it


class NatsConnection:
    """A connection with the permissions of the orchestrator.

    Attributes:
        bus: Usable while the connection is open.
        objects: The large payloads; each access opens the connection.
    """

    def __init__(self, settings: NatsSettings, content: Content | None = None) -> None:
        self._settings = settings
        self._client = Client()
        self._users = 0
        self._opening: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.bus = NatsBus(self._client, _NAME, content)
        self.objects = _Objects(self)

    @asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Keep the connection for the duration of the block; the last of several blocks closes it."""
        if not self._users and not self._turn.locked():
            self._turn = asyncio.Lock()  # of this event loop: a plugin may outlive one
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self._close()

    async def open(self, within: float | None = None) -> None:
        """Connect, inside a block of ``used``; an open connection stays as it is.

        Args:
            within: Seconds to wait for a server; by default as long as it takes.

        Raises:
            SetupError: The credentials cannot be read, or NATS rejects them.
            Unavailable: No server answers in time.
        """
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect())
        await asyncio.wait({self._opening}, timeout=within)
        if not self._opening.done():
            servers = self._settings.shown
            raise Unavailable(f"No NATS server answers at {servers}: does it run, and is `nats.servers` right?")
        self._opening.result()

    async def _connect(self) -> None:
        async with self._turn:
            if self._client.is_connected or self._client.is_reconnecting:
                return
            options = connection_options(self._settings, _NAME, _ROLE)
            rejected = asyncio.get_running_loop().create_future()
            options["error_cb"] = _noting_refusals(options["error_cb"], rejected)
            connecting = asyncio.create_task(self._client.connect(**options))
            try:
                await asyncio.wait({connecting, rejected}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                connecting.cancel()  # nats-py would try the same credentials for ever
                await asyncio.wait({connecting})
            if connecting.cancelled():
                raise SetupError(rejected.result())
            try:
                connecting.result()
            except Exception as error:  # nats-py repeats what may pass: what it raises is a seed that is none
                raise SetupError(f"The NATS credentials cannot be used ({error!r}): correct `nats`.") from error
            protect_connection(self._client)

    async def _close(self) -> None:
        opening, self._opening = self._opening, None
        if opening is None:
            return
        opening.cancel()
        await asyncio.wait({opening})
        async with self._turn:
            if self._users:  # somebody has opened it again
                return
            with suppress(NatsError, OSError):  # a connection that has just broken cannot be drained
                if self._client.is_connected:
                    await self._client.drain()
                elif self._client.is_connecting or self._client.is_reconnecting:
                    await self._client.close()


def _noting_refusals(report: _ErrorReport, rejected: asyncio.Future[str]) -> _ErrorReport:
    """Return a callback that also fills the future when NATS rejects the credentials."""

    async def note(error: Exception) -> None:
        await report(error)
        if not rejected.done() and (text := refusal(error)):
            rejected.set_result(text)

    return note


class _Objects:
    """The bucket of large payloads; see ``Objects``."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection
        self._bucket = NatsObjects(connection.bus.js, PAYLOADS)

    async def put(self, name: str, data: bytes) -> None:
        """Store data under a name; see ``Objects.put``."""
        async with self._connection.used():
            await self._connection.open(_PAYLOAD_WITHIN)
            await self._bucket.put(name, data)

    async def get(self, name: str) -> bytes:
        """Return the data; see ``Objects.get``."""
        async with self._connection.used():
            await self._connection.open(_PAYLOAD_WITHIN)
            return await self._bucket.get(name)
