"""Publishes bytes that no client library would send."""

import asyncio
from collections.abc import Iterable

from perdure.config.settings import NatsSettings


async def publish_raw(settings: NatsSettings, messages: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Publish messages of a subject, a header block (none if empty) and a body; returns once the server has them."""
    address = settings.servers[0].removeprefix("nats://").split(":")
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
    for subject, block, body in messages:
        if block:
            writer.write(b"HPUB %b %d %d\r\n%b%b\r\n" % (subject.encode(), len(block), len(block + body), block, body))
        else:
            writer.write(b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(body), body))
    writer.write(b"PING\r\n")
    async with asyncio.timeout(10):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line[:4] not in {b"", b"-ERR"}, line
    writer.close()
