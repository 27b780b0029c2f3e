"""A TCP proxy that hands on every byte a little later, as a network would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

__all__ = ["slow_wire"]

_CHUNK: Final = 64 * 1024  # bytes


@asynccontextmanager
async def slow_wire(server: str, delay: float) -> AsyncIterator[str]:
    """Yield the address of a proxy before a server, for as long as the block lasts.

    Args:
        server: Such as ``nats://127.0.0.1:4222``.
        delay: Seconds in each direction.
    """
    host, _, port = server.removeprefix("nats://").partition(":")
    connections = set[asyncio.Task[None]]()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        there = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_hand_on(reader, there[1], delay), _hand_on(there[0], writer, delay))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as proxy:
        address, own_port = proxy.sockets[0].getsockname()
        yield f"nats://{address}:{own_port}"
        for task in connections:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*connections)


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    while chunk := await reader.read(_CHUNK):
        loop.call_later(delay, writer.write, chunk)
    loop.call_later(delay, writer.close)
