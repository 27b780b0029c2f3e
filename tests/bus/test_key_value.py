"""Both adapters of the key-value port behave in the same way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from perdure.bus import KeyValue, MemoryKeyValue, NatsKeyValue, connect
from perdure.bus.jetstream.provision import provision

KEYS = ["plain", "a.b c", "Ünï/*>🚀", "x" * 300]


@pytest_asyncio.fixture(params=["memory", "nats"])
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[KeyValue]:
    if request.param == "memory":
        yield MemoryKeyValue()
        return
    async with connect(request.getfixturevalue("nats_settings"), source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield NatsKeyValue(bus.js, "STARTS")


@pytest.mark.parametrize("key", KEYS)
async def test_exactly_one_of_several_concurrent_creates_succeeds(bucket: KeyValue, key: str) -> None:
    wins = await asyncio.gather(*(bucket.create(key, b"%d" % number) for number in range(5)))

    assert wins.count(True) == 1
    assert await bucket.get(key) == b"%d" % wins.index(True)


async def test_a_value_is_replaced_only_at_the_revision_that_was_read(bucket: KeyValue) -> None:
    assert await bucket.replace("k", b"1", revision=0)
    read = await bucket.read("k")
    assert read is not None

    assert await bucket.replace("k", b"2", revision=read.revision)
    assert not await bucket.replace("k", b"3", revision=read.revision)
    assert not await bucket.replace("k", b"3", revision=0)
    assert await bucket.get("k") == b"2"


async def test_a_value_has_the_time_of_its_last_change(bucket: KeyValue) -> None:
    await bucket.create("k", b"1")
    created = await bucket.stored_at("k")
    await bucket.put("k", b"2")
    changed = await bucket.stored_at("k")

    assert created is not None
    assert changed is not None
    assert created < changed
    assert await bucket.stored_at("another") is None


async def test_a_put_replaces_the_value(bucket: KeyValue) -> None:
    await bucket.create("k", b"1")
    await bucket.put("k", b"2")

    assert await bucket.get("k") == b"2"
    assert await bucket.get("another") is None


@pytest.mark.parametrize("key", KEYS)
async def test_an_erased_key_is_gone_and_may_be_created_again(bucket: KeyValue, key: str) -> None:
    await bucket.put(key, b"1")
    await bucket.put("other", b"2")

    for _ in range(2):
        await bucket.erase(key)

    assert (await bucket.get(key), await bucket.get("other")) == (None, b"2")
    assert await bucket.create(key, b"3")


async def test_keys_are_erased_whose_values_mention_an_id_as_a_whole(bucket: KeyValue) -> None:
    values = [b'{"run":"Order~4"}', b"approvals.requested.Order~4.1", b'{"run":"Order~42"}', b"re-Order~4", b""]
    for number, value in enumerate(values):
        await bucket.put(str(number), value)

    count = await bucket.erase_mentions([b"Order~4", b"9"])

    assert count == 2
    assert [await bucket.get(str(number)) for number in range(len(values))] == [None, None, *values[2:]]
    assert await bucket.erase_mentions([]) == 0
