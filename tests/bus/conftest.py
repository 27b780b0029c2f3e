from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from perdure.bus import Bus, MemoryBus, MemoryObjects, NatsObjects, Objects, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
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
