"""Acks are confirmed by the server, and messages that were fetched but not begun are redelivered at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, StoredMessage, connect, decode
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream import delivery as nats_delivery
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.contracts import Progress
from tests.support.approval_requests import REQUEST
from tests.support.facts import fact


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "notifier")
        await provision(bus.js, "audit")
        yield bus


async def delivered(bus: NatsBus, *, confirmed: bool) -> NatsDelivery:
    await bus.publish(REQUEST)
    subscription = await bus.js.pull_subscribe("approvals.>", durable="notifier", stream="APPROVALS")
    (message,) = await subscription.fetch(1, timeout=5)
    return NatsDelivery(message, confirmed=confirmed)


async def settled(bus: NatsBus) -> tuple[int | None, int]:
    """Return the number of pending acks and the ack floor of the consumer."""
    info = await bus.js.consumer_info("APPROVALS", "notifier")
    assert info.ack_floor is not None
    return info.num_ack_pending, info.ack_floor.stream_seq


async def test_an_ack_is_known_to_the_server_when_it_returns(bus: NatsBus) -> None:
    await (await delivered(bus, confirmed=True)).ack()

    assert await settled(bus) == (0, 1)


async def test_a_term_is_known_to_the_server_when_it_returns(bus: NatsBus) -> None:
    await (await delivered(bus, confirmed=False)).term()

    assert await settled(bus) == (0, 1)


async def test_an_unconfirmed_ack_is_logged_and_raises_no_error(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = await delivered(bus, confirmed=True)
    monkeypatch.setattr(Client, "request", lost)
    monkeypatch.setattr(nats_delivery, "_CONFIRM_SECONDS", 0.1)

    await delivery.ack()

    assert "did not confirm the settlement of APPROVALS 1" in caplog.text


async def test_an_ack_that_is_not_confirmed_at_once_is_sent_again(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, request, tries = await delivered(bus, confirmed=True), Client.request, 0

    async def failing_once(*arguments: Any, **named: Any) -> Msg:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise NoRespondersError  # as during the election of the consumer's leader
        return await request(*arguments, **named)

    monkeypatch.setattr(Client, "request", failing_once)
    await delivery.ack()

    assert (tries, await settled(bus)) == (2, (0, 1))


async def lost(*_: object, **__: object) -> None:
    raise ConnectionResetError


async def test_a_stop_leaves_what_was_not_begun_to_other_processes(bus: NatsBus, nats_settings: NatsSettings) -> None:
    begun, may_end = asyncio.Queue[StoredMessage](), asyncio.Event()

    async def handle(message: StoredMessage) -> None:
        await begun.put(message)
        await may_end.wait()

    for number in range(1, 7):
        await bus.publish(fact(number))
    app = App("audit", [Subscription("PROGRESS", handle, concurrency=3)])
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        stopped = asyncio.Event()
        tasks.create_task(run_app_until(stopped, may_end, app, bus, nats_settings))
        in_progress = [await begun.get() for _ in range(3)]
        stopped.set()
    other = await bus.js.pull_subscribe("progress.>", durable="audit", stream="PROGRESS")
    redelivered: list[Msg] = []
    async with asyncio.timeout(10):  # far less than the ack wait
        while len(redelivered) < 3:
            redelivered += await other.fetch(6, timeout=5)

    assert [fact_sequence(message) for message in in_progress] == [1, 2, 3]
    assert sorted(message.metadata.sequence.stream for message in redelivered) == [4, 5, 6]


async def run_app_until(
    stopped: asyncio.Event, may_end: asyncio.Event, app: App, bus: NatsBus, settings: NatsSettings
) -> None:
    async with subscribed(app, bus, settings, CollectorRegistry()):
        await stopped.wait()
        asyncio.get_running_loop().call_later(0.2, may_end.set)  # once the stop has begun


def fact_sequence(message: StoredMessage) -> int:
    found = decode(message.raw)
    assert isinstance(found, Progress)
    return found.sequence
