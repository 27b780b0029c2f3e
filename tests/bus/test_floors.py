"""Whatever becomes of a consumer or of its stream's tail: each message is handled, and none that was settled again."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, RawMessage, StoredMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.consumer_guard import ConsumerGuard
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.topology import CONSUMERS
from perdure.config.settings import NatsSettings
from tests.support.nats_server import nats_server
from tests.support.ports import free_port

WITHIN = 30.0  # seconds
EVENTS = next(it for it in CONSUMERS if (it.service, it.stream) == ("ingest", "EVENTS"))


class Handled(Counter[str]):
    """How often each message was handled, by its body."""

    async def __call__(self, message: StoredMessage) -> None:
        self[message.raw.body.decode()] += 1


@asynccontextmanager
async def service(settings: NatsSettings, handled: Handled) -> AsyncIterator[tuple[NatsBus, ConsumerGuard]]:
    """Run a service as ``perdure.runtime`` does; its consumers are checked when a test says so."""
    app = App("ingest", [Subscription("EVENTS", handled)])
    async with connect(settings, source="perdure/test", within=10) as bus:
        await provision(bus.js, "ingest")
        async with subscribed(app, bus, settings, CollectorRegistry()):
            yield bus, ConsumerGuard(app, bus.js, settings)


async def publish(bus: NatsBus, name: str, count: int) -> list[str]:
    bodies = [f"{name}{number}" for number in range(count)]
    for body in bodies:
        await bus.publish_raw(RawMessage("events.a", body.encode(), {}))
    return bodies


async def settled(bus: NatsBus, guard: ConsumerGuard) -> None:
    """Wait until all is settled, and the guard has noted it."""
    async with asyncio.timeout(WITHIN):
        await bus.wait_until_consumed("ingest", "EVENTS")
    await guard.check()


async def test_a_consumer_that_is_deleted_under_load_begins_where_it_was(nats_settings: NatsSettings) -> None:
    handled = Handled()
    async with service(nats_settings, handled) as (bus, guard):
        bodies = await publish(bus, "before", 30)
        await settled(bus, guard)
        publishing = asyncio.create_task(publish(bus, "during", 30))
        await asyncio.sleep(0)
        await bus.js.delete_consumer("EVENTS", "ingest")
        await guard.check()
        bodies += await publishing
        await settled(bus, guard)

    assert [handled[body] for body in bodies[:30]] == [1] * 30
    assert all(handled[body] for body in bodies)


async def test_a_consumer_that_begins_at_the_first_message_again_is_put_where_it_was(
    nats_settings: NatsSettings,
) -> None:
    handled = Handled()
    async with service(nats_settings, handled) as (bus, guard):
        bodies = await publish(bus, "before", 20)
        await settled(bus, guard)
        await bus.js.delete_consumer("EVENTS", "ingest")
        await bus.js.add_consumer("EVENTS", EVENTS.config.evolve(max_ack_pending=7))
    async with connect(nats_settings, source="perdure/test") as bus:
        bodies += await publish(bus, "between", 5)
    async with service(nats_settings, handled) as (bus, guard):
        bodies += await publish(bus, "after", 5)
        await settled(bus, guard)
        kept = (await bus.js.consumer_info("EVENTS", "ingest")).config.max_ack_pending

    assert handled == Counter(bodies)
    assert kept == 7, "what an operator set"


async def test_a_consumer_that_is_reset_while_its_service_runs_is_put_where_it_was(nats_settings: NatsSettings) -> None:
    handled = Handled()
    async with service(nats_settings, handled) as (bus, guard):
        await publish(bus, "before", 20)
        await settled(bus, guard)
        await bus.js.delete_consumer("EVENTS", "ingest")
        await bus.js.add_consumer("EVENTS", EVENTS.config.evolve(max_ack_pending=1))
        await guard.check()
        redelivered = sum(handled.values())
        after = await publish(bus, "after", 5)
        await settled(bus, guard)

    assert sum(handled.values()) == redelivered + len(after), "after it was mended none is handled again"


async def test_a_stream_that_is_made_anew_is_read_from_its_first_message(nats_settings: NatsSettings) -> None:
    handled = Handled()
    async with service(nats_settings, handled) as (bus, guard):
        await publish(bus, "before", 20)
        await settled(bus, guard)
        await bus.js.delete_stream("EVENTS")
    async with service(nats_settings, handled) as (bus, guard):
        bodies = await publish(bus, "after", 5)
        await settled(bus, guard)
        await guard.check()
        bodies += await publish(bus, "last", 5)
        await settled(bus, guard)

    assert [handled[body] for body in bodies] == [1] * 10


async def test_a_stream_that_lost_its_tail_is_read_from_there(tmp_path: Path) -> None:
    port, messages, copy = free_port(), tmp_path / "jetstream/$G/streams/EVENTS/msgs", tmp_path / "copy"
    handled = Handled()
    with nats_server(tmp_path, port=port) as settings:
        async with service(settings, handled) as (bus, guard):
            kept = await publish(bus, "kept", 10)
            await settled(bus, guard)
    shutil.copytree(messages, copy)  # what a power cut leaves of the stream; the consumer is synced later
    with nats_server(tmp_path, port=port) as settings:
        async with service(settings, handled) as (bus, guard):
            lost = await publish(bus, "lost", 10)
            await settled(bus, guard)
    shutil.rmtree(messages)
    shutil.copytree(copy, messages)
    with nats_server(tmp_path, port=port) as settings:
        async with connect(settings, source="perdure/test", within=10) as bus:
            new = await publish(bus, "new", 5)
        async with service(settings, handled) as (bus, guard):
            await settled(bus, guard)
            newer = await publish(bus, "newer", 10)
            await settled(bus, guard)

    assert handled == Counter([*kept, *lost, *new, *newer])
