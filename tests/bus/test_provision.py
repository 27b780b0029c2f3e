"""Provisioning keeps what the operator of a NATS server has set, and corrects only what would lose messages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType
from nats.js.errors import APIError

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import SetupError
from tests.support.nats_server import nats_server

SET_BY_HAND = {
    "max_bytes": 50_000_000,
    "max_age": 86_400.0,
    "duplicate_window": 600.0,
    "description": "set by the operator",
}


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "audit")
        yield bus


async def set_stream(js: JetStreamContext, name: str, **settings: Any) -> None:
    await js.update_stream((await js.stream_info(name)).config, **settings)


async def set_consumer(js: JetStreamContext, **settings: Any) -> None:
    await js.add_consumer("EVENTS", (await js.consumer_info("EVENTS", "audit")).config, **settings)


@pytest.mark.parametrize("stream", ["EVENTS", "KV_STARTS"])
async def test_sizes_and_ages_stay_as_the_operator_set_them(bus: NatsBus, stream: str) -> None:
    await set_stream(bus.js, stream, **SET_BY_HAND)

    await provision(bus.js, "ingest")

    config = (await bus.js.stream_info(stream)).config
    assert {name: getattr(config, name) for name in SET_BY_HAND} == SET_BY_HAND


async def test_a_stream_without_its_subject_gets_it_and_keeps_its_other_subjects_and_its_size(bus: NatsBus) -> None:
    await set_stream(bus.js, "EVENTS", subjects=["events.old", "legacy.>"], allow_direct=False, **SET_BY_HAND)

    await provision(bus.js, "audit")

    config = (await bus.js.stream_info("EVENTS")).config
    assert (config.subjects, config.allow_direct) == (["events.>", "legacy.>"], True)
    assert {name: getattr(config, name) for name in SET_BY_HAND} == SET_BY_HAND
    assert await bus.publish_raw(RawMessage("events.new", b"{}", {})) == 1


async def test_an_event_is_bounded_whatever_the_server_takes_as_one_message(tmp_path: Path) -> None:
    with nats_server(tmp_path, "max_payload: 32MB") as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            await provision(bus.js, "ingest")
            large, padding = b"x" * 5_000_000, b"y" * 3_500_000

            with pytest.raises(APIError, match="message size exceeds maximum allowed"):
                await bus.js.publish("events.a", large + padding)
            assert (await bus.js.publish("events.a", large)).seq == 1
            assert (await bus.js.publish("progress.a.b", large + padding)).seq == 1


@pytest.mark.parametrize("wrong", [{"retention": RetentionPolicy.INTEREST}, {"storage": StorageType.MEMORY}])
async def test_a_stream_that_would_lose_messages_is_an_error(bus: NatsBus, wrong: dict[str, Any]) -> None:
    config = (await bus.js.stream_info("EVENTS")).config
    await bus.js.delete_stream("EVENTS")
    await bus.js.add_stream(config, **wrong)

    with pytest.raises(SetupError, match="EVENTS"):
        await provision(bus.js, "audit")


async def test_a_consumer_of_0_1_waits_no_longer_for_the_acks_of_a_killed_process(bus: NatsBus) -> None:
    await set_consumer(bus.js, ack_wait=30.0)

    await provision(bus.js, "audit")

    assert (await bus.js.consumer_info("EVENTS", "audit")).config.ack_wait == 6.0


async def test_a_consumer_keeps_its_limits_but_gets_unlimited_deliveries_and_no_filter(bus: NatsBus) -> None:
    await set_consumer(bus.js, max_ack_pending=7, ack_wait=99.0, max_deliver=3, filter_subject="events.a")

    await provision(bus.js, "audit")

    config = (await bus.js.consumer_info("EVENTS", "audit")).config
    assert (config.max_ack_pending, config.ack_wait) == (7, 99.0)
    assert (config.max_deliver, config.filter_subject) == (-1, None)
