"""Publishes bytes that no client library would send."""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from perdure.config.settings import NatsSettings

__all__ = ["publish_raw"]


async def publish_raw(
    settings: NatsSettings, messages: Iterable[tuple[bytes, bytes, bytes]], *, seed: Path | None = None
) -> list[bytes]:
    """Publish messages of a subject, a header block (none if empty) and a body; returns once the server has them.

    Args:
        settings: The server.
        messages: The messages.
        seed: The nkey of the publisher; by default none.

    Returns:
        The errors of the server. It may close the connection after one, and take nothing of what follows.
    """
    reader, writer = await asyncio.open_connection(*settings.servers[0].removeprefix("nats://").split(":"))
    greeting = json.loads((await reader.readline()).removeprefix(b"INFO "))
    writer.write(b"CONNECT %b\r\n" % json.dumps(_identity(seed, greeting.get("nonce", ""))).encode())
    for subject, block, body in messages:
        if block:
            writer.write(b"HPUB %b %d %d\r\n%b%b\r\n" % (subject, len(block), len(block + body), block, body))
        else:
            writer.write(b"PUB %b %d\r\n%b\r\n" % (subject, len(body), body))
    writer.write(b"PING\r\n")
    errors: list[bytes] = []
    async with asyncio.timeout(20):
        while (line := await _line(reader)) not in {b"PONG\r\n", b""}:
            errors += [line] if line.startswith(b"-ERR") else []
    writer.close()
    return errors


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ConnectionResetError:
        return b""


def _identity(seed: Path | None, nonce: str) -> dict[str, object]:
    options: dict[str, object] = {"verbose": False, "headers": True, "no_responders": True}
    if seed is None:
        return options
    pair = nkeys.from_seed(bytearray(seed.read_bytes().strip()))
    signature = urlsafe_b64encode(pair.sign(nonce.encode())).rstrip(b"=").decode()
    return options | {"nkey": pair.public_key.decode(), "sig": signature}
