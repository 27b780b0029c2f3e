"""Both adapters of the object port behave in the same way; then what only a real server can show."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nats.js.api import ObjectInfo

from perdure.bus import NatsBus, NatsObjects, Objects, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import NotKept, Unavailable

CHUNK = 128 * 1024  # bytes; nats-py's size
SIZES = [0, 1, CHUNK, 33 * CHUNK + 1]


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield bus


@pytest.mark.parametrize("size", SIZES)
async def test_data_that_was_put_can_be_got(objects: Objects, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    await objects.put("a", data)

    assert await objects.get("a") == data


async def test_getting_an_unknown_name_is_an_error(objects: Objects) -> None:
    with pytest.raises(NotKept, match="another"):
        await objects.get("another")


async def test_concurrent_puts_of_the_same_data_succeed(objects: Objects) -> None:
    await asyncio.gather(*(objects.put("a", b"x" * CHUNK * 2) for _ in range(5)))

    assert await objects.get("a") == b"x" * CHUNK * 2


async def test_data_that_is_stored_already_is_not_sent_again(bus: NatsBus) -> None:
    objects = NatsObjects(bus.js, "PAYLOADS")
    await objects.put("a", b"data")
    before = (await bus.js.stream_info("OBJ_PAYLOADS")).state.last_seq
    await objects.put("a", b"data")

    assert (await bus.js.stream_info("OBJ_PAYLOADS")).state.last_seq == before


async def test_data_that_would_expire_soon_is_stored_again_and_outlives_its_first_copy(bus: NatsBus) -> None:
    config = (await bus.js.stream_info("OBJ_PAYLOADS")).config
    await bus.js.update_stream(config, max_age=3.0, duplicate_window=3.0)  # provisioning keeps the operator's settings
    objects = NatsObjects(bus.js, "PAYLOADS")
    await objects.put("a", b"data")
    first = await entry(bus)
    async with asyncio.timeout(20):
        while (await entry(bus)).nuid == first.nuid:
            await objects.put("a", b"data")
            await asyncio.sleep(0.1)
        while await chunks_of(bus, first):
            await asyncio.sleep(0.1)

    assert await objects.get("a") == b"data"


async def test_an_object_that_lost_a_chunk_is_unavailable_until_it_is_put_again(
    bus: NatsBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.bus.jetstream.objects._CHUNK_TIMEOUT_SECONDS", 0.3)
    objects, data = NatsObjects(bus.js, "PAYLOADS"), b"x" * CHUNK * 3
    await objects.put("a", data)
    await bus.js.delete_msg("OBJ_PAYLOADS", 2)

    with pytest.raises(Unavailable):
        await objects.get("a")
    await objects.put("a", data)
    assert await objects.get("a") == data


async def test_an_altered_object_is_whole_again_when_it_is_put_again(bus: NatsBus) -> None:
    objects = NatsObjects(bus.js, "PAYLOADS")
    await (await bus.js.object_store("PAYLOADS")).put("a", b"something else")
    await objects.put("a", b"data")

    assert await objects.get("a") == b"data"


async def test_a_missing_bucket_is_unavailable(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        objects = NatsObjects(bus.js, "PAYLOADS")

        with pytest.raises(Unavailable):
            await objects.put("a", b"data")
        with pytest.raises(Unavailable):
            await objects.get("a")


async def test_the_bucket_keeps_its_operators_limits(bus: NatsBus) -> None:
    config = (await bus.js.stream_info("OBJ_PAYLOADS")).config
    await bus.js.update_stream(config, max_bytes=50_000_000, max_age=86_400.0)

    await provision(bus.js, "test")

    config = (await bus.js.stream_info("OBJ_PAYLOADS")).config
    assert (config.max_bytes, config.max_age) == (50_000_000, 86_400.0)


async def entry(bus: NatsBus) -> ObjectInfo:
    return await (await bus.js.object_store("PAYLOADS")).get_info("a")


async def chunks_of(bus: NatsBus, info: ObjectInfo) -> dict[str, int]:
    subject = f"$O.PAYLOADS.C.{info.nuid}"
    return (await bus.js.stream_info("OBJ_PAYLOADS", subjects_filter=subject)).state.subjects or {}


@pytest.mark.parametrize("size", SIZES)
async def test_a_deleted_object_is_gone_with_all_chunks_and_may_be_put_again(bus: NatsBus, size: int) -> None:
    objects, data = NatsObjects(bus.js, "PAYLOADS"), b"x" * size
    await objects.put("a", data)
    await objects.put("b", b"other")

    for _ in range(2):
        await objects.delete("a")

    with pytest.raises(NotKept):
        await objects.get("a")
    left = (await bus.js.stream_info("OBJ_PAYLOADS", subjects_filter="$O.PAYLOADS.C.>")).state.subjects or {}
    assert sum(left.values()) == 1, "that of the other object"
    await objects.put("a", data)
    assert (await objects.get("a"), await objects.get("b")) == (data, b"other")


async def test_a_deletion_that_was_killed_between_its_steps_goes_on(bus: NatsBus) -> None:
    objects = NatsObjects(bus.js, "PAYLOADS")
    await objects.put("a", b"x" * CHUNK * 2)
    await bus.js.purge_stream("OBJ_PAYLOADS", subject="$O.PAYLOADS.C.>")

    await objects.delete("a")

    with pytest.raises(NotKept):
        await objects.get("a")
