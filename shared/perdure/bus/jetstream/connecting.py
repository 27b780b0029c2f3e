"""Opens a bus on a NATS server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from perdure.bus.content import Content
from perdure.bus.jetstream.bus import NatsBus
from perdure.config.settings import NatsSettings
from perdure.connections.nats import ErrorLog, connection_options
from perdure.connections.nats_tls import lacks_tls
from perdure.connections.protection import protect_connection
from perdure.errors import Unavailable

__all__ = ["connect"]


@asynccontextmanager
async def connect(
    settings: NatsSettings,
    *,
    source: str,
    role: str = "operator",
    within: float | None = None,
    content: Content | None = None,
) -> AsyncIterator[NatsBus]:
    """Open a bus for the duration of the block.

    Args:
        settings: The servers and credentials.
        source: The CloudEvents source of published messages, e.g. ``perdure/ingest``.
        role: The role whose credentials are used, where NATS has permissions by role.
        within: Seconds to wait for the first connection; by default without limit.
        content: Encrypts and decrypts the content of facts; see ``content_of``.

    Raises:
        SetupError: The credentials cannot be read.
        Unavailable: No server accepted the connection in time.
    """
    client, errors = Client(), ErrorLog(source, settings)
    options = connection_options(settings, source, role, errors)
    try:
        await asyncio.wait_for(client.connect(**options), within)
    except (TimeoutError, NatsError, OSError) as error:
        absence = f"No NATS server answers at {settings.shown}. Start one with `perdure up`."
        raise Unavailable(errors.reason or absence) from error
    protect_connection(client)
    if lacks_tls(client, settings):
        await client.close()
        raise Unavailable(f"The NATS server at {settings.shown} offers no TLS, and the configuration demands it.")
    try:
        yield NatsBus(client, source, content)
    finally:
        with suppress(NatsError, OSError):  # closing a connection that has just been lost fails
            await (client.drain() if client.is_connected else client.close())
