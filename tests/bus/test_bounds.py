"""Streams that may refuse have a bound; what streams keep follows the configuration, unless an operator set it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy

from perdure.bus import NatsBus, connect
from perdure.bus.jetstream.provision import provision
from perdure.bus.topology import STREAMS
from perdure.config.settings import NatsSettings
from tests.support.nats_server import nats_server

REFUSING = {"EVENTS", "COMMANDS", "DECISIONS", "SIGNALS"}
GIBIBYTE = 1024**3


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        yield bus


async def set_stream(js: JetStreamContext, name: str, **settings: Any) -> None:
    await js.update_stream((await js.stream_info(name)).config, **settings)


async def make_as_0_1(js: JetStreamContext) -> None:
    await provision(js, "operator")
    for name in REFUSING:
        await set_stream(js, name, max_bytes=-1, discard=DiscardPolicy.OLD, metadata={})


async def limits(js: JetStreamContext, name: str) -> tuple[int, DiscardPolicy, float]:
    config = (await js.stream_info(name)).config
    return config.max_bytes or -1, config.discard or DiscardPolicy.OLD, config.max_age or 0


def of(**streams: dict[str, str]) -> NatsSettings:
    return NatsSettings.model_validate({"streams": streams})


async def test_the_streams_of_publishers_refuse_when_they_are_full_and_the_others_never_do(bus: NatsBus) -> None:
    await provision(bus.js, "ingest")

    made = {name: await limits(bus.js, name) for name in STREAMS}
    assert {name for name, (_, discard, _) in made.items() if discard == DiscardPolicy.NEW} == REFUSING
    assert {name for name, (bound, _, _) in made.items() if bound > 0} == REFUSING
    assert made["EVENTS"] == (2 * GIBIBYTE, DiscardPolicy.NEW, 30 * 86_400)


async def test_the_operator_bounds_the_streams_of_0_1_where_they_are_and_a_service_goes_on_without(
    bus: NatsBus,
) -> None:
    await make_as_0_1(bus.js)
    await bus.js.publish("events.a", b"{}")
    await provision(bus.js, "ingest")
    before = await limits(bus.js, "EVENTS")

    await provision(bus.js, "operator")

    assert before == (-1, DiscardPolicy.OLD, 30 * 86_400)
    assert await limits(bus.js, "EVENTS") == (2 * GIBIBYTE, DiscardPolicy.NEW, 30 * 86_400)
    assert (await bus.js.stream_info("EVENTS")).state.messages == 1


async def test_a_changed_configuration_changes_what_perdure_has_set(bus: NatsBus) -> None:
    await provision(bus.js, "operator", of(EVENTS={"max_bytes": "10MiB", "max_age": "7d"}, VERDICTS={"max_age": "1m"}))
    first = await limits(bus.js, "EVENTS")

    await provision(bus.js, "operator", of(EVENTS={"max_bytes": "20MiB"}))

    assert first == (10 * 1024**2, DiscardPolicy.NEW, 7 * 86_400)
    assert await limits(bus.js, "EVENTS") == (20 * 1024**2, DiscardPolicy.NEW, 30 * 86_400)
    assert (await limits(bus.js, "VERDICTS"))[2] == 30 * 86_400


async def test_limits_of_the_operators_own_stay_whatever_the_configuration_says(bus: NatsBus) -> None:
    await provision(bus.js, "operator")
    await set_stream(bus.js, "EVENTS", max_bytes=50_000_000, max_age=86_400.0)
    await set_stream(bus.js, "KV_STARTS", max_age=3_600.0)

    configured = {
        "streams": {"EVENTS": {"max_bytes": "1GiB", "max_age": "90d"}},
        "buckets": {"STARTS": {"max_age": "9d"}},
    }
    await provision(bus.js, "operator", NatsSettings.model_validate(configured))

    assert await limits(bus.js, "EVENTS") == (50_000_000, DiscardPolicy.NEW, 86_400)
    assert (await limits(bus.js, "KV_STARTS"))[2] == 3_600


@pytest.mark.parametrize("service", ["ingest", "operator"])
async def test_a_bound_that_would_delete_what_nobody_has_handled_refuses_instead(bus: NatsBus, service: str) -> None:
    await make_as_0_1(bus.js)
    await set_stream(bus.js, "EVENTS", max_bytes=50_000_000)

    await provision(bus.js, service)

    assert (await limits(bus.js, "EVENTS"))[:2] == (50_000_000, DiscardPolicy.NEW)


async def test_the_start_ledger_keeps_its_claims_as_long_as_the_configuration_says(bus: NatsBus) -> None:
    await provision(bus.js, "operator")
    before = (await limits(bus.js, "KV_STARTS"))[2]

    await provision(bus.js, "operator", NatsSettings.model_validate({"buckets": {"starts": {"max_age": "30d"}}}))

    after = timedelta(seconds=(await limits(bus.js, "KV_STARTS"))[2])
    assert (timedelta(seconds=before), after) == (timedelta(days=400), timedelta(days=30))


async def test_on_a_small_disk_the_bounds_are_what_the_server_can_reserve(tmp_path: Path) -> None:
    with nats_server(tmp_path, "jetstream { max_file_store: 300MB }") as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            await provision(bus.js, "operator")
            bounds = [(await limits(bus.js, name))[0] for name in REFUSING]
            await provision(bus.js, "operator")

            assert min(bounds) > 1024**2
            assert sum(bounds) < 300 * 1024**2
            assert [(await limits(bus.js, name))[0] for name in REFUSING] == bounds
