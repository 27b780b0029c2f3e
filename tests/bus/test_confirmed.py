"""A message is settled for good when the server knows it, and goes back at once when nobody began it."""

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
from tests.bus.test_port import fact
from tests.unit.flow.test_inbox import REQUEST


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
    """What the server waits for, and up to where it knows that all is settled."""
    known = await bus.js.consumer_info("APPROVALS", "notifier")
    assert known.ack_floor is not None
    return known.num_ack_pending, known.ack_floor.stream_seq


async def test_when_it_is_acknowledged_the_server_knows_it(bus: NatsBus) -> None:
    await (await delivered(bus, confirmed=True)).ack()

    assert await settled(bus) == (0, 1)


async def test_when_it_is_given_up_the_server_knows_it(bus: NatsBus) -> None:
    await (await delivered(bus, confirmed=False)).term()

    assert await settled(bus) == (0, 1)


async def test_an_acknowledgement_that_is_not_confirmed_is_told_and_the_service_goes_on(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = await delivered(bus, confirmed=True)
    monkeypatch.setattr(Client, "request", lost)
    monkeypatch.setattr(nats_delivery, "_CONFIRMED_WITHIN", 0.1)

    await delivery.ack()

    assert "did not confirm how APPROVALS 1 was settled" in caplog.text


async def test_an_acknowledgement_that_is_not_confirmed_at_once_is_said_again(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, request, tries = await delivered(bus, confirmed=True), Client.request, 0

    async def first_in_vain(*arguments: Any, **named: Any) -> Msg:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise NoRespondersError  # as while a cluster elects the consumer's leader
        return await request(*arguments, **named)

    monkeypatch.setattr(Client, "request", first_in_vain)
    await delivery.ack()

    assert (tries, await settled(bus)) == (2, (0, 1))


async def lost(*_: object, **__: object) -> None:
    raise ConnectionResetError


async def test_a_stop_gives_back_what_was_fetched_and_not_begun(bus: NatsBus, nats_settings: NatsSettings) -> None:
    begun, may_end = asyncio.Queue[StoredMessage](), asyncio.Event()

    async def handle(heard: StoredMessage) -> None:
        await begun.put(heard)
        await may_end.wait()

    for number in range(1, 7):
        await bus.publish(fact(number))
    app = App("audit", [Subscription("PROGRESS", handle, concurrency=3)])
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        stopped = asyncio.Event()
        tasks.create_task(heard_until(stopped, may_end, app, bus, nats_settings))
        in_hand = [await begun.get() for _ in range(3)]
        while ((await bus.js.consumer_info("PROGRESS", "audit")).num_ack_pending or 0) <= 3:
            await asyncio.sleep(0.01)
        stopped.set()
    next_one = await bus.js.pull_subscribe("progress.>", durable="audit", stream="PROGRESS")
    again: list[Msg] = []
    async with asyncio.timeout(10):  # far less than the consumer's own wait
        while len(again) < 3:
            again += await next_one.fetch(6, timeout=5)

    assert [read(one) for one in in_hand] == [1, 2, 3]
    assert sorted(message.metadata.sequence.stream for message in again) == [4, 5, 6]


async def heard_until(
    stopped: asyncio.Event, may_end: asyncio.Event, app: App, bus: NatsBus, settings: NatsSettings
) -> None:
    async with subscribed(app, bus, settings, CollectorRegistry()):
        await stopped.wait()
        asyncio.get_running_loop().call_later(0.2, may_end.set)  # once the stop has begun and waits


def read(heard: StoredMessage) -> int:
    message = decode(heard.raw)
    assert isinstance(message, Progress)
    return message.sequence
