"""Decisions and signals are handled in the order of storage, by one bridge at a time, whoever dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from prometheus_client import CollectorRegistry

from perdure.bus import KeyValue, MemoryKeyValue, NatsBus, RawMessage, StoredMessage, connect
from perdure.bus.app import App, Ordered, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.lease import Lease, Leases
from perdure.bus.settlement import Handler
from perdure.config.settings import NatsSettings
from perdure.errors import InvalidMessage, Unavailable

_WITHIN = 20.0  # seconds; less than the ack wait of 30 s


@pytest_asyncio.fixture
async def stream(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    """The bus on a server of its own, provisioned for the orchestrator."""
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "orchestrator")
        yield bus


def leases(entries: KeyValue, holder: str) -> Leases[Lease]:
    return Leases(entries, holder, Lease, duration=timedelta(seconds=2))


@asynccontextmanager
async def bridge(
    bus: NatsBus, settings: NatsSettings, handle: Handler, *, entries: KeyValue, holder: str = "one"
) -> AsyncIterator[None]:
    """Run an app that handles SIGNALS in order, one lane a run."""
    ordered = Ordered(lambda message: message.raw.subject.split(".")[1:2], leases(entries, holder))
    app = App("orchestrator", [Subscription("SIGNALS", handle, ordered=ordered)])
    async with subscribed(app, bus, settings, CollectorRegistry()):
        yield


async def send(bus: NatsBus, *names: str) -> None:
    for name in names:
        await bus.publish_raw(RawMessage(f"signals.{name}", b"", {}))


async def until_handled(handled: list[str], count: int) -> list[str]:
    async with asyncio.timeout(_WITHIN):
        while len(handled) < count:
            await asyncio.sleep(0.01)
    return handled


class Recorder:
    """Handles messages and records their subjects; the closed ones wait."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.closed: set[str] = set()

    async def __call__(self, message: StoredMessage) -> None:
        name = message.raw.subject.removeprefix("signals.")
        if name in self.closed:
            raise Unavailable(f"{name} waits")
        self.handled.append(name)


async def test_what_waits_is_not_overtaken_in_its_lane_and_holds_up_no_other(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    recorder = Recorder()
    recorder.closed = {"a.1"}
    async with bridge(stream, nats_settings, recorder, entries=MemoryKeyValue()):
        await send(stream, "a.1", "a.2", "b.1", "b.2")
        assert await until_handled(recorder.handled, 2) == ["b.1", "b.2"]
        recorder.closed.clear()

        assert (await until_handled(recorder.handled, 4))[2:] == ["a.1", "a.2"]
        async with asyncio.timeout(_WITHIN):
            await stream.wait_until_consumed("orchestrator", "SIGNALS")
    assert (await stream.js.consumer_info("SIGNALS", "orchestrator")).num_redelivered == 0


async def test_what_a_dead_bridge_held_is_handled_before_anything_newer(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    await send(stream, "a.1", "b.1", "a.2")
    dead = await stream.js.pull_subscribe_bind("orchestrator", stream="SIGNALS")
    assert len(await dead.fetch(3)) == 3, "delivered, and never acknowledged"
    await send(stream, "a.3")
    recorder = Recorder()

    async with bridge(stream, nats_settings, recorder, entries=MemoryKeyValue()):
        handled = await until_handled(recorder.handled, 4)

    assert [name for name in handled if name.startswith("a")] == ["a.1", "a.2", "a.3"]
    assert sorted(handled) == ["a.1", "a.2", "a.3", "b.1"]


async def test_what_was_handled_ahead_of_its_delivery_is_not_handled_again(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    await send(stream, "a.1", "a.2")
    dead = await stream.js.pull_subscribe_bind("orchestrator", stream="SIGNALS")
    first, second = await dead.fetch(2)
    await send(stream, "a.3")
    recorder = Recorder()
    async with bridge(stream, nats_settings, recorder, entries=MemoryKeyValue()):
        await until_handled(recorder.handled, 3)
        await first.nak()  # as the ack wait would
        await second.nak()
        async with asyncio.timeout(_WITHIN):
            await stream.wait_until_consumed("orchestrator", "SIGNALS")

    assert recorder.handled == ["a.1", "a.2", "a.3"]


async def test_one_of_two_bridges_handles_and_the_other_takes_over_when_it_stops(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    entries, one, other = MemoryKeyValue(), Recorder(), Recorder()
    async with AsyncExitStack() as second, AsyncExitStack() as first:
        await first.enter_async_context(bridge(stream, nats_settings, one, entries=entries))
        await send(stream, "a.0")
        await until_handled(one.handled, 1)
        await second.enter_async_context(bridge(stream, nats_settings, other, entries=entries, holder="two"))
        await send(stream, *(f"a.{number}" for number in range(1, 20)))
        await until_handled(one.handled, 20)
        assert other.handled == []

        one.closed = {"a.20"}
        await send(stream, "a.20", "a.21")
        await first.aclose()

        assert await until_handled(other.handled, 2) == ["a.20", "a.21"]
    assert one.handled == [f"a.{number}" for number in range(20)]


async def test_a_bridge_whose_lease_another_takes_stops_and_none_handles_out_of_order(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    entries, one, other = MemoryKeyValue(), Recorder(), Recorder()
    async with bridge(stream, nats_settings, one, entries=entries):
        await send(stream, "a.1")
        await until_handled(one.handled, 1)
        one.closed = {"a.2"}
        await send(stream, "a.2", "a.3")  # it holds both when it is cut off
        taken = Lease(holder="two", until=datetime.now(UTC) + timedelta(seconds=4))
        await entries.put("lease.SIGNALS", taken.model_dump_json().encode())
        async with bridge(stream, nats_settings, other, entries=entries, holder="two"):
            assert (await until_handled(other.handled, 2))[:2] == ["a.2", "a.3"]
            await send(stream, "a.4")
            assert (await until_handled(other.handled, 3))[-1] == "a.4"

    assert one.handled == ["a.1"]


async def test_an_invalid_message_becomes_a_dead_letter_and_the_lane_goes_on(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    handled: list[str] = []

    async def handle(message: StoredMessage) -> None:
        if message.raw.subject == "signals.a.1":
            raise InvalidMessage("bad_message", "because")
        handled.append(message.raw.subject)

    async with bridge(stream, nats_settings, handle, entries=MemoryKeyValue()):
        await send(stream, "a.1", "a.2")
        await until_handled(handled, 1)

    assert (await stream.last("dlq.orchestrator")) is not None
    assert (await stream.js.consumer_info("SIGNALS", "orchestrator")).num_ack_pending == 0


async def test_a_consumer_that_is_deleted_and_made_again_wedges_nothing(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    recorder = Recorder()
    async with bridge(stream, nats_settings, recorder, entries=MemoryKeyValue()):
        await send(stream, "a.1")
        await until_handled(recorder.handled, 1)
        await stream.js.delete_consumer("SIGNALS", "orchestrator")
        await provision(stream.js, "orchestrator")
        await send(stream, "a.2")
        async with asyncio.timeout(_WITHIN):
            while "a.2" not in recorder.handled:
                await asyncio.sleep(0.01)


async def test_what_a_dead_bridge_held_is_handled_without_waiting_for_a_newer_message(
    stream: NatsBus, nats_settings: NatsSettings
) -> None:
    await send(stream, "a.1", "a.2")
    dead = await stream.js.pull_subscribe_bind("orchestrator", stream="SIGNALS")
    assert len(await dead.fetch(2)) == 2
    recorder = Recorder()

    async with bridge(stream, nats_settings, recorder, entries=MemoryKeyValue()):
        assert await until_handled(recorder.handled, 2) == ["a.1", "a.2"]
