"""The proxy between services and servers hands on, delays, holds back and cuts, on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from perdure.chaos.network import struck_wires, wire_targets
from perdure.chaos.wire import Wire, open_wire


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def echo(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(1024):
        writer.write(chunk)
    writer.close()


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Wire, Client]]:
    """Yield a proxy before an echo server, and a client of it."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, open_wire("127.0.0.1", server.sockets[0].getsockname()[1]) as wire, connected(wire) as client:
        yield wire, client


@asynccontextmanager
async def connected(wire: Wire) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", wire.port))
    try:
        yield client
    finally:
        client.writer.close()


async def test_bytes_are_handed_on_in_order_though_the_delay_changes() -> None:
    async with echoing() as (wire, client):
        wire.delay = 0.2
        client.writer.write(b"first")
        await client.writer.drain()
        await asyncio.sleep(0.05)  # the proxy has read them by now
        wire.mend()

        async with asyncio.timeout(5):
            assert await client.echo(b" second") == b"first s"
            assert await client.reader.readexactly(5) == b"econd"


async def test_a_delay_takes_at_least_its_time_in_each_direction() -> None:
    async with echoing() as (wire, client):
        wire.delay = 0.1
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.echo(b"hello")

        assert loop.time() - began >= 0.2


async def test_silence_keeps_connections_and_hands_on_later() -> None:
    async with echoing() as (wire, client):
        wire.silence()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.echo(b"hello")
        wire.mend()

        async with asyncio.timeout(5):
            assert await client.reader.readexactly(5) == b"hello"


async def test_a_cut_closes_connections_and_refuses_new_ones_until_it_is_mended() -> None:
    async with echoing() as (wire, client):
        assert await client.echo(b"hello") == b"hello"
        wire.cut()
        async with asyncio.timeout(5), connected(wire) as refused:
            assert await client.reader.read() == b""
            assert await refused.reader.read() == b""
        wire.mend()

        async with asyncio.timeout(5), connected(wire) as again:
            assert await again.echo(b"again") == b"again"


async def test_a_server_that_is_away_closes_the_connection() -> None:
    async with open_wire("127.0.0.1", 1) as wire, asyncio.timeout(5), connected(wire) as client:
        assert await client.reader.read() == b""


def test_a_server_is_cut_from_all_or_from_one_service() -> None:
    names = [("ingest", "nats"), ("ingest-2", "nats"), ("orchestrator", "nats"), ("orchestrator", "temporal")]
    wires = {name: Wire("127.0.0.1", 1) for name in names}

    assert wire_targets(wires) == ["nats", "temporal", "ingest-nats", "orchestrator-nats", "orchestrator-temporal"]
    assert struck_wires(wires, "nats") == [wires[name] for name in names[:3]]
    assert struck_wires(wires, "ingest-nats") == [wires[name] for name in names[:2]]
    assert struck_wires(wires, "orchestrator-temporal") == [wires[names[3]]]
