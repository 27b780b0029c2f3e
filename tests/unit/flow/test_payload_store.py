from dataclasses import dataclass
from hashlib import sha256

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, StorageDriverRetrieveContext, StorageDriverStoreContext

from perdure.bus import MemoryObjects
from perdure.connections.temporal import converter
from perdure.errors import NotKept, Unavailable
from perdure.flow.payload_store import PayloadStore, payload_storage

INLINE = 1024
LARGE = {"words": "x" * 2 * INLINE}
TO_STORE, TO_RETRIEVE = StorageDriverStoreContext(), StorageDriverRetrieveContext()


@dataclass
class UnavailableObjects:
    """A store that is unavailable for the next calls."""

    objects: MemoryObjects
    failures: int

    async def put(self, name: str, data: bytes) -> None:
        self._fail()
        await self.objects.put(name, data)

    async def get(self, name: str) -> bytes:
        self._fail()
        return await self.objects.get(name)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("no connection")


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


async def test_a_changed_payload_is_not_returned() -> None:
    objects = MemoryObjects()
    store = PayloadStore(objects)
    claims = await store.store(TO_STORE, [Payload(data=b"words")])
    await objects.put(claims[0].claim_data["sha256"], b"other words")

    with pytest.raises(NotKept, match="has changed"):
        await store.retrieve(TO_RETRIEVE, claims)


async def test_a_store_that_is_unavailable_for_a_moment_is_retried() -> None:
    objects = UnavailableObjects(MemoryObjects(), failures=2)
    store = PayloadStore(objects, retry_for=5)
    claims = await store.store(TO_STORE, [Payload(data=b"words")])
    objects.failures = 2

    assert await store.retrieve(TO_RETRIEVE, claims) == [Payload(data=b"words")]


async def test_a_store_that_stays_unavailable_is_an_error() -> None:
    with pytest.raises(Unavailable):
        await PayloadStore(UnavailableObjects(MemoryObjects(), failures=2), retry_for=0).store(
            TO_STORE, [Payload(data=b"words")]
        )
