"""NATS' protocol without a client library, which would refuse what an attacker sends."""

import asyncio
from contextlib import suppress
from typing import Final

__all__ = ["answered"]

_WITHIN: Final = 60.0  # seconds


async def answered(where: str, *lines: bytes) -> str:
    """Send lines to a server, and return its error, or ``PONG`` if it has none."""
    host, port = where.removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        await reader.readline()  # INFO
        writer.writelines(line + b"\r\n" for line in (*lines, b"PING"))
        with suppress(ConnectionError):
            await writer.drain()
        async with asyncio.timeout(_WITHIN):
            answers = [line async for line in reader if line.startswith((b"-ERR", b"PONG"))][:1]
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return answers[0].decode().strip().removeprefix("-ERR ").strip("'").lower()
