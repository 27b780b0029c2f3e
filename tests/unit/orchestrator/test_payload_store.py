from dataclasses import dataclass
from hashlib import sha256

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, StorageDriverRetrieveContext, StorageDriverStoreContext

from perdure.bus import MemoryObjects
from perdure.connections.temporal import converter
from perdure.errors import NotKept, Unavailable
from perdure_orchestrator.payload_store import PayloadStore, payload_storage

INLINE = 1024
LARGE = {"words": "x" * 2 * INLINE}
TO_STORE, TO_RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()


@dataclass
class Away:
    """A store that does not answer so many times."""

    objects: MemoryObjects
    left: int

    async def put(self, name: str, data: bytes) -> None:
        self._answer()
        await self.objects.put(name, data)

    async def get(self, name: str) -> bytes:
        self._answer()
        return await self.objects.get(name)

    def _answer(self) -> None:
        if self.left:
            self.left -= 1
            raise Unavailable("away")


def converting(objects: MemoryObjects) -> DataConverter:
    return converter(payload_storage(objects, INLINE))


async def test_a_large_value_becomes_a_reference_and_comes_back() -> None:
    objects = MemoryObjects()
    (reference,) = await converting(objects).encode([LARGE])

    assert reference.ByteSize() < INLINE / 2
    assert await converting(objects).decode([reference]) == [LARGE]


async def test_a_small_value_stays_where_it_is() -> None:
    small = {"words": "x"}

    assert await converting(MemoryObjects()).encode([small]) == await pydantic_data_converter.encode([small])


async def test_a_reference_names_digest_and_size() -> None:
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"words"')
    (claim,) = await PayloadStore(MemoryObjects()).store(TO_STORE, [payload])

    data = payload.SerializeToString()
    assert claim.claim_data == {"sha256": sha256(data).hexdigest(), "bytes": str(len(data))}


async def test_what_was_changed_is_not_given_out() -> None:
    objects = MemoryObjects()
    store = PayloadStore(objects)
    claims = await store.store(TO_STORE, [Payload(data=b"words")])
    await objects.put(claims[0].claim_data["sha256"], b"other words")

    with pytest.raises(NotKept, match="not what it was"):
        await store.retrieve(TO_RETRIEVE, claims)


async def test_a_store_that_is_away_for_a_moment_is_waited_for() -> None:
    away = Away(MemoryObjects(), left=2)
    store = PayloadStore(away, retry_for=5)
    claims = await store.store(TO_STORE, [Payload(data=b"words")])
    away.left = 2

    assert await store.retrieve(TO_RETRIEVE, claims) == [Payload(data=b"words")]


async def test_a_store_that_is_away_for_long_is_told() -> None:
    with pytest.raises(Unavailable):
        await PayloadStore(Away(MemoryObjects(), left=2), retry_for=0).store(TO_STORE, [Payload(data=b"words")])
