"""A stream that is full refuses; what all services have settled is removed, and it takes messages again."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, RawMessage, StoredMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.jetstream.trimmer import Trimmer
from perdure.config.settings import NatsSettings, Settings
from perdure.errors import StreamFull
from tests.support.ingest import create_ingest

BOUND = 262_144
BODY = b"x" * 4_000


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        limits = {name: {"max_bytes": BOUND} for name in ("EVENTS", "COMMANDS", "DECISIONS")}
        settings = NatsSettings.model_validate({**nats_settings.model_dump(), "streams": limits})
        for service in ("audit", "ingest", "orchestrator"):
            await provision(bus.js, service, settings)
        yield bus


async def fill(bus: NatsBus, subject: str = "events.a", body: bytes = BODY) -> int:
    """Publish until the server refuses; returns how many it took."""
    for taken in count():
        try:
            await bus.publish_raw(RawMessage(subject, body, {"Nats-Msg-Id": f"{subject}-{taken}"}))
        except StreamFull:
            return taken
    raise AssertionError


def trimmer(bus: NatsBus) -> Trimmer:
    return Trimmer(bus.js, App("ingest", [Subscription("EVENTS", nothing)]))


async def nothing(_: StoredMessage) -> None:
    pass


async def settle(bus: NatsBus, stream: str, service: str, count: int) -> None:
    consumer = await bus.js.pull_subscribe_bind(service, stream)
    for message in await consumer.fetch(count, timeout=5):
        await message.ack_sync()


async def first(bus: NatsBus, stream: str) -> int:
    return int((await bus.js.stream_info(stream)).state.first_seq)


async def test_a_full_stream_says_no_and_keeps_all_that_it_has_acknowledged(bus: NatsBus) -> None:
    taken = await fill(bus)

    with pytest.raises(StreamFull, match=r"NATS refused: EVENTS is full .*Nothing was stored"):
        await bus.publish_raw(RawMessage("events.a", BODY, {"Nats-Msg-Id": "late"}))
    state = (await bus.js.stream_info("EVENTS")).state
    assert (state.first_seq, state.messages) == (1, taken)


async def test_nothing_is_removed_that_one_service_has_not_settled(bus: NatsBus) -> None:
    taken = await fill(bus)
    await settle(bus, "EVENTS", "ingest", taken)

    await trimmer(bus).trim()

    assert await first(bus, "EVENTS") == 1


async def test_what_all_services_have_settled_makes_room_and_no_more_of_it_than_needed(bus: NatsBus) -> None:
    taken = await fill(bus)
    await settle(bus, "EVENTS", "ingest", taken)
    await settle(bus, "EVENTS", "audit", taken)

    await trimmer(bus).trim()

    state = (await bus.js.stream_info("EVENTS")).state
    assert 0.5 * BOUND < state.bytes < 0.7 * BOUND
    assert await bus.publish_raw(RawMessage("events.a", BODY, {"Nats-Msg-Id": "late"})) == taken + 1


async def test_only_what_lies_below_the_lowest_floor_is_removed(bus: NatsBus) -> None:
    taken = await fill(bus)
    await settle(bus, "EVENTS", "ingest", taken)
    await settle(bus, "EVENTS", "audit", 5)

    await trimmer(bus).trim()

    assert await first(bus, "EVENTS") == 6


async def test_a_stream_that_is_not_nearly_full_keeps_its_past(bus: NatsBus) -> None:
    for number in range(40):  # 63 % of the bound
        await bus.publish_raw(RawMessage("events.a", BODY, {"Nats-Msg-Id": str(number)}))
    await settle(bus, "EVENTS", "ingest", 40)
    await settle(bus, "EVENTS", "audit", 40)

    await trimmer(bus).trim()

    assert await first(bus, "EVENTS") == 1


async def test_a_stream_without_the_consumer_of_a_service_is_not_trimmed(bus: NatsBus) -> None:
    taken = await fill(bus)
    await settle(bus, "EVENTS", "ingest", taken)
    await settle(bus, "EVENTS", "audit", taken)
    await bus.js.delete_consumer("EVENTS", "audit")

    await trimmer(bus).trim()

    assert await first(bus, "EVENTS") == 1


async def test_what_is_still_read_by_its_place_stays_although_it_is_settled(bus: NatsBus) -> None:
    taken = await fill(bus, "decisions.run")
    for service in ("orchestrator", "audit"):
        await settle(bus, "DECISIONS", service, taken)

    async def done_until(sequence: int) -> int:
        return min(sequence, 3)

    app = App("orchestrator", [Subscription("DECISIONS", nothing)], done_until={"DECISIONS": done_until})

    await Trimmer(bus.js, app).trim()

    assert await first(bus, "DECISIONS") == 4


async def test_a_process_that_does_not_consume_a_stream_does_not_trim_it(bus: NatsBus) -> None:
    taken = await fill(bus, "decisions.run")
    for service in ("orchestrator", "audit"):
        await settle(bus, "DECISIONS", service, taken)

    await Trimmer(bus.js, App("orchestrator", [])).trim()

    assert await first(bus, "DECISIONS") == 1


async def test_a_stream_without_a_bound_is_not_trimmed(bus: NatsBus) -> None:
    taken = await fill(bus)
    await settle(bus, "EVENTS", "ingest", taken)
    await settle(bus, "EVENTS", "audit", taken)

    await bus.js.update_stream((await bus.js.stream_info("EVENTS")).config, max_bytes=-1)

    await trimmer(bus).trim()

    assert await first(bus, "EVENTS") == 1


async def test_an_event_whose_command_finds_no_room_waits_in_events_and_becomes_no_dead_letter(
    bus: NatsBus, nats_settings: NatsSettings
) -> None:
    await fill(bus, "commands.start.Other")
    await fill(bus, "commands.start.Small", b"")  # the command is smaller than what was left
    ingest = create_ingest(Settings.model_validate({"routes": [{"on": "placed", "start": "Ship"}]}), bus)
    async with subscribed(ingest, bus, nats_settings, CollectorRegistry()), asyncio.timeout(60):
        await bus.publish_raw(RawMessage("events.placed", b"{}", {"Nats-Msg-Id": "order"}))
        while not (await bus.js.consumer_info("EVENTS", "ingest")).num_redelivered:
            await asyncio.sleep(0.05)
        await bus.js.purge_stream("COMMANDS")
        while await bus.last("commands.start.Ship") is None:
            await asyncio.sleep(0.05)

    assert await bus.last("dlq.ingest") is None
