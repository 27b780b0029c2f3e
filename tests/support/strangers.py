"""Programs on a port that are not ours: they answer every connection with the same bytes, or with nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def stranger(answer: bytes, *, port: int = 0, waits: bool = True) -> AsyncIterator[str]:
    """Answer each connection, once it has sent something if ``waits``; yields ``127.0.0.1:<port>``."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if waits:
            await reader.read(1024)
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


def ready(instance: str | None, *missing: str) -> bytes:
    """Return what ``/readyz`` of a service answers."""
    return http(json.dumps({"service": "ingest", "instance": instance, "missing": missing}).encode())


def greeting(name: str) -> bytes:
    """Return what a NATS server of this name sends first."""
    return b"INFO %b \r\n" % json.dumps({"server_name": name}).encode()
