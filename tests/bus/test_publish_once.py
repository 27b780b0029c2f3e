"""A fact that is published again after an outage longer than the duplicate window is stored once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from perdure.bus import NatsBus, connect, encode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.contracts import Progress
from perdure_orchestrator.publish_once import publish_once

HOUR = timedelta(hours=1)


def fact(sequence: int) -> Progress:
    now = datetime.now(UTC)
    return Progress(workflow="Echo", workflow_id="Echo~1", run_id="r", sequence=sequence, kind="note", at=now)


async def messages(bus: NatsBus) -> int:
    return (await bus.js.stream_info("PROGRESS")).state.messages


@pytest.mark.parametrize(("earlier", "count"), [(HOUR, 5), (timedelta(), 6)])
async def test_a_fact_is_stored_once_though_its_id_is_forgotten(
    nats_settings: NatsSettings, earlier: timedelta, count: int
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus, asyncio.timeout(30):
        await provision(bus.js, "test")
        config = (await bus.js.stream_info("PROGRESS")).config
        await bus.js.update_stream(config.evolve(duplicate_window=0.1))  # NATS forgets ids soon
        for sequence in (1, 2):
            await bus.publish(fact(sequence))
        while (await bus.store(encode(fact(9), source="test"))).duplicate or (await messages(bus)) < 4:
            await asyncio.sleep(0.1)  # until an id is forgotten, and its message stored again

        for sequence in (2, 3):
            await publish_once(bus, fact(sequence), tried_since=datetime.now(UTC) - earlier)

        assert await messages(bus) == count
