from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, MemoryObjects, NatsKeyValue, NatsObjects, Objects, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from tests.support.ingest import running_ingest
from tests.support.nats_server import nats_server


@pytest.fixture
def nats_settings(tmp_path: Path) -> Iterator[NatsSettings]:
    """Settings for a real nats-server that only this test uses."""
    with nats_server(tmp_path) as settings:
        yield settings


@pytest_asyncio.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """Each adapter of the bus in turn."""
    if request.param == "memory":
        yield MemoryBus()
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield bus


@pytest_asyncio.fixture(params=["memory", "nats"])
async def objects(request: pytest.FixtureRequest) -> AsyncIterator[Objects]:
    """Each adapter of the object bucket in turn."""
    if request.param == "memory":
        yield MemoryObjects()
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield NatsObjects(bus.js, "PAYLOADS")


@pytest_asyncio.fixture(params=["memory", "nats"])
async def open_ingest(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Ingest on each adapter of the bus in turn."""
    if request.param == "memory":
        bus, entries, starts = MemoryBus(), MemoryKeyValue(), MemoryKeyValue()
        yield lambda **route: running_ingest(bus, entries, starts, **route)
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as nats:
        await provision(nats.js, "ingest")
        yield lambda **route: running_ingest(
            nats, NatsKeyValue(nats.js, "FLOW"), NatsKeyValue(nats.js, "STARTS"), **route
        )
