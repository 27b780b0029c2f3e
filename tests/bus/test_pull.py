"""One pull request at a time, and each message the moment it arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from perdure.bus import connect
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.pull import Pull
from perdure.config.settings import NatsSettings
from perdure.connections.nats import plain_client
from tests.support.nats_server import nats_server
from tests.support.ports import free_port

MEGABYTE = 1024 * 1024


@pytest_asyncio.fixture
async def client(nats_settings: NatsSettings) -> AsyncIterator[Client]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "ingest")
    async with plain_client(nats_settings, name="test") as client:
        yield client


async def publish(client: Client, *bodies: bytes, **headers: str) -> None:
    for body in bodies:
        await client.jetstream().publish("events.a", body, headers=headers or None)


async def taken(pull: Pull, count: int, *, room_bytes: int = MEGABYTE) -> list[Msg]:
    found: list[Msg] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await pull.take(count - len(found), room=count - len(found), room_bytes=room_bytes)
    return found


@pytest.mark.parametrize("status", ["409", "404", "408", "100", "200", "paid"])
async def test_a_header_status_of_a_publisher_ends_nothing(client: Client, status: str) -> None:
    await publish(client, b"{}", b"", Status=status, Description="Idle Heartbeat")
    await publish(client, b"after")
    async with Pull(client, "EVENTS", "ingest") as pull:
        assert [message.data for message in await taken(pull, 3)] == [b"{}", b"", b"after"]


async def test_a_message_larger_than_the_room_is_taken_alone(client: Client) -> None:
    await publish(client, b"x" * 5000, b"y" * 5000, b"z")
    async with Pull(client, "EVENTS", "ingest") as pull:
        found = [await pull.take(10, room=10, room_bytes=1000) for _ in range(3)]

    assert [[message.data[:1] for message in messages] for messages in found] == [[b"x"], [b"y"], [b"z"]]


async def test_what_arrived_and_was_not_taken_goes_to_another_process_at_once(client: Client) -> None:
    await publish(client, b"1", b"2", b"3")
    async with Pull(client, "EVENTS", "ingest") as pull:
        (first,) = await pull.take(1, room=3, room_bytes=MEGABYTE)
        while len(pull.arrived) < 2:
            await asyncio.sleep(0.01)
    async with Pull(client, "EVENTS", "ingest") as other, asyncio.timeout(3):  # far less than the ack wait
        found = {message.data for message in await taken(other, 2)}

    assert (first.data, found) == (b"1", {b"2", b"3"})


async def test_a_pull_may_be_used_again(client: Client) -> None:
    pull = Pull(client, "EVENTS", "ingest")
    for body in (b"1", b"2"):
        async with pull, asyncio.timeout(3):
            waiting = asyncio.create_task(taken(pull, 1))
            await asyncio.sleep(0.05)
            await publish(client, body)
            (message,) = await waiting
            await message.ack_sync()
            forgotten = asyncio.create_task(pull.take(5, room=5, room_bytes=MEGABYTE))  # open at the end of the block
            await asyncio.sleep(0.05)
            forgotten.cancel()

            assert message.data == body


async def test_an_outage_leaves_one_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """nats-py keeps what is published without a connection, and sends it all afterwards."""
    monkeypatch.setattr("perdure.bus.jetstream.pull._LOST_SECONDS", 0.2)
    monkeypatch.setattr("perdure.bus.jetstream.pull._HEARTBEAT_SECONDS", 0.1)
    port = free_port()
    with nats_server(tmp_path, port=port) as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            await provision(bus.js, "ingest")
    async with AsyncExitStack() as stack:
        with nats_server(tmp_path, port=port) as settings:
            client = await stack.enter_async_context(plain_client(settings, name="test"))
            pull = await stack.enter_async_context(Pull(client, "EVENTS", "ingest"))
            waiting = asyncio.create_task(taken(pull, 1))
            while not (await client.jetstream().consumer_info("EVENTS", "ingest")).num_waiting:
                await asyncio.sleep(0.01)
        await asyncio.sleep(2)  # ten times as long as a request is waited for
        with nats_server(tmp_path, port=port):
            while not client.is_connected:
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
            consumer = await client.jetstream().consumer_info("EVENTS", "ingest")
            await publish(client, b"after")

            assert [message.data for message in await waiting] == [b"after"]
            assert (consumer.num_waiting or 0) <= 1
            await stack.aclose()


async def test_a_consumer_that_is_deleted_and_made_anew_is_pulled_from(client: Client) -> None:
    async with Pull(client, "EVENTS", "ingest") as pull:
        waiting = asyncio.create_task(taken(pull, 1))
        await asyncio.sleep(0)
        await client.jetstream().delete_consumer("EVENTS", "ingest")
        await provision(client.jetstream(), "ingest")
        await publish(client, b"new")

        assert [message.data for message in await waiting] == [b"new"]


async def test_there_is_one_request_at_a_time_and_none_is_forgotten(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that expire by themselves: each message is read at once by the request that is open then."""
    monkeypatch.setattr("perdure.bus.jetstream.pull._EXPIRES_SECONDS", 0.05)
    monkeypatch.setattr("perdure.bus.jetstream.pull._HEARTBEAT_SECONDS", 0.02)
    async with Pull(client, "EVENTS", "ingest") as pull:
        for number in range(40):
            waiting = asyncio.create_task(taken(pull, 1))
            await asyncio.sleep(0.05 if number % 2 else 0.0)  # about when the request expires
            waits = (await client.jetstream().consumer_info("EVENTS", "ingest")).num_waiting
            await publish(client, b"%d" % number)
            (message,) = await waiting
            await message.ack_sync()

            assert (message.data, (waits or 0) <= 1) == (b"%d" % number, True)
        consumer = await client.jetstream().consumer_info("EVENTS", "ingest")

    assert (consumer.num_ack_pending, consumer.num_redelivered) == (0, 0)
