"""Subscriptions and responders of an app on a real server."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from perdure.bus import RawMessage, StoredMessage, connect, decode
from perdure.bus.app import App, Responder, Subscription
from perdure.bus.jetstream.consumer_guard import ConsumerGuard
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.contracts import ApprovalRequested, DeadLetter
from perdure.errors import InvalidMessage, Unavailable
from tests.support.approval_requests import REQUEST
from tests.support.binaries import binary
from tests.support.ports import free_port

NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def test_a_message_is_redelivered_until_it_is_handled_and_not_after(
    nats_settings: NatsSettings,
) -> None:
    tried = asyncio.Queue[StoredMessage]()

    async def handle(message: StoredMessage) -> None:
        await tried.put(message)
        if tried.qsize() < 3:
            raise Unavailable("not yet")

    registry = CollectorRegistry()
    async with connect(nats_settings, source="perdure/test") as bus:
        await provision(bus.js, "notifier")
        await bus.publish(REQUEST)
        async with (
            subscribed(App("notifier", [Subscription("APPROVALS", handle)]), bus, nats_settings, registry),
            asyncio.timeout(10),
        ):
            while tried.qsize() < 3:
                await asyncio.sleep(0.01)
            while (await bus.js.consumer_info("APPROVALS", "notifier")).num_ack_pending:
                await asyncio.sleep(0.01)

    assert decode((await tried.get()).raw) == REQUEST
    metrics = generate_latest(registry).decode()
    for outcome, count in (("retried", 2), ("acked", 1)):
        assert f'perdure_messages_total{{outcome="{outcome}",stream="APPROVALS"}} {count}.0' in metrics


async def test_an_invalid_message_becomes_one_dead_letter(nats_settings: NatsSettings) -> None:
    async def handle(_: StoredMessage) -> None:
        raise InvalidMessage("bad_message", "because")

    async with connect(nats_settings, source="perdure/test") as bus:
        await provision(bus.js, "notifier")
        await bus.publish(REQUEST)
        app = App("notifier", [Subscription("APPROVALS", handle)])
        async with subscribed(app, bus, nats_settings, CollectorRegistry()), asyncio.timeout(10):
            async for message in bus.subscribe("dlq.>", replay=True):
                dead_letter = decode(message.raw)
                break

    assert isinstance(dead_letter, DeadLetter)
    assert ApprovalRequested.model_validate_json(dead_letter.body or b"") == REQUEST


async def test_a_request_gets_a_reply(nats_settings: NatsSettings) -> None:
    async def upper(request: RawMessage) -> bytes:
        return request.subject.encode() + request.body.upper()

    async with connect(nats_settings, source="perdure/test") as bus:
        app = App("audit", [], [Responder("queries.test.>", upper)])
        async with subscribed(app, bus, nats_settings, CollectorRegistry()):
            assert await bus.request("queries.test.a", b"hello") == b"queries.test.aHELLO"


async def test_a_subject_that_is_not_utf8_is_handled_in_escapes_and_so_is_the_next_message(
    nats_settings: NatsSettings,
) -> None:
    handled = asyncio.Queue[str]()

    async def handle(message: StoredMessage) -> None:
        await handled.put(message.raw.subject)

    address = nats_settings.servers[0].removeprefix("nats://").split(":")
    async with connect(nats_settings, source="perdure/test") as bus:
        await provision(bus.js, "ingest")
        app = App("ingest", [Subscription("EVENTS", handle)])
        async with subscribed(app, bus, nats_settings, CollectorRegistry()), asyncio.timeout(20):
            _, raw = await asyncio.open_connection(*address)
            raw.write(b"CONNECT {}\r\nPUB events.\xff 2\r\n{}\r\nPUB events.fine 2\r\n{}\r\n")
            await raw.drain()
            subjects = [await handled.get() for _ in range(2)]
            raw.close()

    assert subjects == ["events.\\xff", "events.fine"]


async def test_a_deleted_consumer_is_recreated_and_delivers_again(nats_settings: NatsSettings) -> None:
    tried = asyncio.Queue[StoredMessage]()
    app = App("notifier", [Subscription("APPROVALS", tried.put)])
    async with connect(nats_settings, source="perdure/test") as bus:
        await provision(bus.js, "notifier")
        async with subscribed(app, bus, nats_settings, CollectorRegistry()), asyncio.timeout(30):
            await bus.js.delete_consumer("APPROVALS", "notifier")
            guard = ConsumerGuard(app, bus.js, nats_settings)
            await guard.check()
            await bus.publish(REQUEST)

            assert decode((await tried.get()).raw) == REQUEST


async def test_a_stop_without_a_server_is_no_error(nats_settings: NatsSettings, tmp_path: Path) -> None:
    port = free_port()
    command = [binary("nats-server"), "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(tmp_path / "other")]
    server = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    settings = nats_settings.model_copy(update={"servers": (f"nats://127.0.0.1:{port}",)})
    try:
        async with connect(settings, source="perdure/test", within=10) as bus:
            await provision(bus.js, "notifier")
            async with subscribed(
                App("notifier", [Subscription("APPROVALS", _never_called)]), bus, settings, CollectorRegistry()
            ):
                server.kill()
                await server.wait()
                while await bus.is_connected():
                    await asyncio.sleep(0.01)
    finally:
        if server.returncode is None:
            server.kill()


async def _never_called(_: StoredMessage) -> None:
    """Handle a message; the test publishes none."""


@pytest.mark.parametrize("after", [None, 3])
async def test_a_subscription_reads_on_in_a_stream_that_was_made_anew(
    nats_settings: NatsSettings, after: int | None
) -> None:
    subject = "approvals.requested.Review.r"
    received = asyncio.Queue[bytes]()

    async def read() -> None:
        async for message in bus.subscribe(subject, after=after):
            await received.put(message.raw.body)

    async with connect(nats_settings, source="perdure/test") as bus, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        await provision(bus.js, "notifier")
        for number in range(5):
            await bus.js.publish(subject, b"%d" % number)
        reading = tasks.create_task(read())
        while received.empty():
            await bus.js.publish(subject, b"last of the old stream")
            await asyncio.sleep(0.05)
        await bus.js.delete_stream("APPROVALS")
        await provision(bus.js, "notifier")
        await bus.js.publish(subject, b"first of the new stream")
        while await received.get() != b"first of the new stream":
            pass
        reading.cancel()
