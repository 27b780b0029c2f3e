"""A TCP proxy that hands bytes on late, or not at all, as a network may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["Wire", "open_wire"]

_CHUNK: Final = 64 * 1024  # bytes
_WAITING: Final = 64  # chunks a direction; then the sender feels it
_LOCALHOST: Final = "127.0.0.1"


class Wire:
    """A proxy before one server.

    Attributes:
        port: Where it listens on the loopback interface.
        delay: Seconds by which each byte is late, in each direction.
    """

    def __init__(self, host: str, port: int) -> None:
        self._there = host, port
        self._connections = set[asyncio.Task[None]]()
        self._flows = asyncio.Event()
        self._flows.set()
        self._accepts = True
        self.port = 0
        self.delay = 0.0

    def silence(self) -> None:
        """Hold back all bytes; connections stay open, as when a cable is pulled."""
        self._flows.clear()

    def cut(self) -> None:
        """Close all connections, and every new one at once."""
        self._accepts = False
        for task in self._connections:
            task.cancel()

    def mend(self) -> None:
        """Hand on all bytes at once again, also those that were held back."""
        self.delay = 0.0
        self._accepts = True
        self._flows.set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client to the server until one of both closes."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._accepts:
                await self._connect(reader, writer)
        except OSError:
            return  # the server is down: the client sees a closed connection
        finally:
            writer.close()

    async def close(self) -> None:
        """Close all connections and wait until they are closed."""
        closing = list(self._connections)
        self.cut()
        await asyncio.gather(*closing, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(*self._there)
        ways = [self._hand_on(reader, there[1]), self._hand_on(there[0], writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            there[1].close()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks = asyncio.Queue[tuple[float, bytes]](_WAITING)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(reader, chunks))
            both.create_task(self._write(chunks, writer))

    async def _read(self, reader: asyncio.StreamReader, chunks: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop, chunk = asyncio.get_running_loop(), b"more"
        while chunk:
            chunk = await reader.read(_CHUNK)
            await chunks.put((loop.time() + self.delay, chunk))

    async def _write(self, chunks: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        """Write chunks in their order when they are due; an empty one is the end."""
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await chunks.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._flows.wait()
            if not chunk:
                return
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def open_wire(host: str, port: int, *, listen: int = 0) -> AsyncIterator[Wire]:
    """Open a proxy before a server for the duration of the block; the server may come later.

    Args:
        host: The server's host.
        port: The server's port.
        listen: The port of the proxy; 0 for any that is free.
    """
    wire = Wire(host, port)
    async with await asyncio.start_server(wire.accept, _LOCALHOST, listen) as proxy:
        wire.port = proxy.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            await wire.close()
