"""Puts TLS in front of a server that speaks none, as a load balancer does: the wire between them is a real one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

__all__ = ["tls_proxy"]


@asynccontextmanager
async def tls_proxy(upstream: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Serve TLS on a port of localhost, and pass what comes to another port in clear.

    Args:
        upstream: The port of the server.
        context: The certificate of the proxy, and what it demands of clients.
    """
    context.set_alpn_protocols(["h2"])

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream)
            await asyncio.gather(_pipe(reader, up_writer), _pipe(up_reader, writer))

    async with await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
