"""Whatever bytes others publish, a client keeps its connection and reads each message."""

import asyncio

import pytest
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from prometheus_client import CollectorRegistry

from perdure.bus import StoredMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable
from tests.support.raw_publisher import publish_raw

BLOCKS = [
    b"NATS/1.0\r\nStatus: 409\r\n\r\n",
    b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
    b"NATS/1.0 \xff\xfe\xfd\r\n\r\n",
    b"NATS/1.0 404 \xff\r\nce-id: 1\r\n\r\n",
    b"NATS/1.0\r\nno header\r\nce-id: \xff\r\n\xff: x\r\n\r\n",
    b"NATS/1.0",
    b"NATS/1.0\r\n",
    b"\xff" * 40,
    b"x",
]


async def test_a_message_with_any_header_block_is_read_by_every_reader(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        await provision(bus.js, "test")
        sent = [(b"events.a", block, body) for block in BLOCKS for body in (b"{}", b"")]
        assert await publish_raw(nats_settings, sent) == []
        count = 2 * len(BLOCKS)
        bodies = [b"{}", b""] * len(BLOCKS)

        assert [it.raw.body async for it in bus.read("events.>")] == bodies
        assert [it.raw.body async for it in bus.read_range("events.>", first=1, last=count)] == bodies
        followed: list[StoredMessage] = []
        async for message in bus.subscribe("events.>", replay=True):
            followed.append(message)
            if len(followed) == count:
                break
        assert [it.raw.body for it in followed] == bodies
        assert [(await bus.get("EVENTS", it.sequence)) is not None for it in followed] == [True] * count
        assert await bus.is_connected()


async def test_headers_are_the_same_however_a_message_is_read(nats_settings: NatsSettings) -> None:
    lines = [
        "a: ä".encode(),
        b"b: \xff",
        b"c:  two words ",
        b"d:=?utf-8?q?=C3=A4?=",
        b"Status: 409",
        b"e: 1",
        b"e: 2",
        b" f: g",
    ]
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        await provision(bus.js, "test")
        block = b"\r\n".join([b"NATS/1.0", *lines, b"", b""])
        assert await publish_raw(nats_settings, [(b"events.a", block, b"{}")]) == []
        found = [await bus.get("EVENTS", 1), await bus.first("events.a"), await bus.last("events.a")]
        found += [it async for it in bus.read("events.>")]

        headers = [{name.lower(): it.raw.headers[name] for name in it.raw.headers} for it in found if it is not None]
        assert headers == [headers[0]] * 4
        assert headers[0].items() >= {"a": "ä", "c": "two words", "status": "409"}.items()


SUBJECTS = [b"events.\xff", b"events.a\x0bb", b"events.a\x0cb", b"events.\x1c\x85\xa0"]


async def test_a_message_on_any_subject_is_read_and_so_is_the_next(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        await provision(bus.js, "test")
        sent = [(subject, block, b"x" * 5_000) for subject in SUBJECTS for block in (b"", b"NATS/1.0\r\na: b\r\n\r\n")]
        assert await publish_raw(nats_settings, sent) == []

        read = [it.raw.subject.encode() async for it in bus.read_range("events.>", first=1, last=len(sent))]
        assert len(read) == len(sent)
        assert bus.js._nc.stats["reconnects"] == 0  # noqa: SLF001


@pytest.mark.parametrize("line", ["Maximum Payload Violation", "Invalid Publish Subject", "Unknown Protocol Operation"])
async def test_after_an_error_of_the_protocol_a_client_connects_again(nats_settings: NatsSettings, line: str) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        client = bus.js._nc  # noqa: SLF001
        received = asyncio.Queue[Msg]()
        await client.subscribe("test", cb=received.put)

        await client._process_err(line.lower())  # noqa: SLF001 (as the parser calls it)

        while not client.stats["reconnects"]:
            await asyncio.sleep(0.01)
        await client.publish("test", b"again")
        assert (await received.get()).data == b"again"


async def test_a_connection_that_is_closed_for_good_is_no_silence(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        watching = asyncio.create_task(bus.watch_connection())
        await bus.js._nc._process_err("authorization violation")  # noqa: SLF001 (as the parser calls it)

        with pytest.raises(Unavailable, match=r"closed for good: .*[Aa]uthorization"):
            await watching


async def test_a_subscription_of_a_closed_connection_ends_its_service(nats_settings: NatsSettings) -> None:
    async def never_called(_: StoredMessage) -> None:
        """Handle a message; the test publishes none."""

    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        await provision(bus.js, "notifier")
        app = App("notifier", [Subscription("APPROVALS", never_called)])

        async def serve_a_closed_connection() -> None:
            async with subscribed(app, bus, nats_settings, CollectorRegistry()) as client:
                await client._process_err("authorization violation")  # noqa: SLF001
                await asyncio.Event().wait()

        with pytest.raises(ConnectionClosedError):
            await serve_a_closed_connection()


async def test_a_request_whose_reply_arrives_together_with_a_cancellation_is_cancelled(
    nats_settings: NatsSettings,
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        client = bus._client  # noqa: SLF001 (what both adapters use)
        asking = asyncio.create_task(bus.request("$JS.API.INFO", b""))
        while not client._resp_map:  # noqa: SLF001 (the replies that nats-py waits for)
            await asyncio.sleep(0)
        (reply,) = client._resp_map.values()  # noqa: SLF001
        reply.add_done_callback(lambda _: asking.cancel())

        with pytest.raises(asyncio.CancelledError):
            await asking
