"""The bound of an embedded server's store, and a server that refuses since it started on a fuller disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from perdure.bus import NatsBus, RawMessage, connect
from perdure.errors import StreamFull
from perdure.local.disk import free_bytes
from perdure.local.nats_store import NatsStore
from tests.support.nats_server import nats_server
from tests.support.ports import free_port

MOST = 300_000


@pytest.fixture
def monitor() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest_asyncio.fixture
async def bus(tmp_path: Path, monitor: str) -> AsyncIterator[NatsBus]:
    with nats_server(tmp_path, f"http: {monitor}\njetstream {{ max_file_store: {MOST} }}") as settings:
        async with connect(settings, source="perdure/test", within=5) as bus:
            await bus.js.add_stream(StreamConfig(name="EVENTS", subjects=["events.>"]))
            yield bus


async def fill(bus: NatsBus) -> None:
    for _ in range(MOST // 10_000 + 1):
        await bus.publish_raw(RawMessage("events.a", b"x" * 10_000, {}))


async def test_a_store_may_grow_by_three_quarters_of_what_is_free_beyond_what_it_holds(tmp_path: Path) -> None:
    held = 50_000_000
    (tmp_path / "jetstream").mkdir()
    with (tmp_path / "jetstream/1.blk").open("wb") as file:
        file.truncate(held)

    bound = NatsStore(tmp_path, "http://127.0.0.1:1").bound()

    assert abs(bound - held - 0.75 * free_bytes(tmp_path)) < 0.1 * free_bytes(tmp_path)


async def test_a_server_at_its_bound_refuses_and_works_again_after_a_restart_if_there_is_more_room_than_at_its_start(
    bus: NatsBus, tmp_path: Path, monitor: str
) -> None:
    store = NatsStore(tmp_path, f"http://{monitor}")  # it has not seen the start: nothing was free then
    before = await store.trouble()
    with pytest.raises(StreamFull, match="its whole store is full"):
        await fill(bus)

    trouble = await store.trouble()

    assert before is None
    assert trouble is not None
    assert trouble.restart_helps


async def test_a_server_that_has_filled_its_share_of_the_disk_is_not_given_more_by_a_restart(
    bus: NatsBus, tmp_path: Path, monitor: str
) -> None:
    store = NatsStore(tmp_path, f"http://{monitor}")
    store.bound()
    with pytest.raises(StreamFull):
        await fill(bus)

    assert await store.trouble() is None
    with pytest.raises(APIError, match="insufficient resources"):
        await bus.js.publish("events.a", b"{}")
