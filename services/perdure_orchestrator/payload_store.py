"""The claim check: what is too large for Temporal lies in an object store, and Temporal keeps its name and digest."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Final, TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from perdure.bus import Objects
from perdure.bus.settlement import backoff_seconds
from perdure.errors import NotKept, Unavailable

__all__ = ["PAYLOADS", "PayloadStore", "payload_storage"]

PAYLOADS: Final = "PAYLOADS"
"""The bucket of the topology that holds them."""

_T = TypeVar("_T")

_PATIENCE: Final = 10.0  # seconds; a server that restarts is back sooner, and a step that gives up has to run again


def payload_storage(objects: Objects, inline_bytes: int) -> ExternalStorage:
    """Return what a Temporal client needs to keep payloads of so many bytes or more there."""
    return ExternalStorage(drivers=[PayloadStore(objects)], payload_size_threshold=inline_bytes)


class PayloadStore(StorageDriver):
    """Keeps each payload under its digest: the same value, passed on from step to step, is kept once."""

    def __init__(self, objects: Objects, *, patience: float = _PATIENCE) -> None:
        self._objects = objects
        self._patience = patience

    def name(self) -> str:
        """Return what references say of where they lead; it never changes."""
        return "perdure"

    async def store(
        self,
        context: StorageDriverStoreContext,  # noqa: ARG002 (theirs)
        payloads: Sequence[Payload],
    ) -> list[StorageDriverClaim]:
        """Keep payloads, and return their references.

        Raises:
            Unavailable: The object store does not answer for long. Temporal tries the task or step again.
        """
        return [await self._store(payload.SerializeToString(deterministic=True)) for payload in payloads]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 (theirs)
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Return the payloads that these references name.

        Raises:
            NotKept: There is none, or it is not what it was. Temporal tries again, and ``perdure status`` tells it.
            Unavailable: The object store does not answer for long. Temporal tries the task or step again.
        """
        return [await self._retrieve(claim.claim_data["sha256"]) for claim in claims]

    async def _store(self, data: bytes) -> StorageDriverClaim:
        digest = sha256(data).hexdigest()
        await self._patiently(lambda: self._objects.put(digest, data))
        return StorageDriverClaim({"sha256": digest, "bytes": str(len(data))})

    async def _retrieve(self, digest: str) -> Payload:
        data = await self._patiently(lambda: self._objects.get(digest))
        found = sha256(data).hexdigest()
        if found != digest:
            raise NotKept(f"The payload {digest} is not what it was: what lies under its name has the digest {found}")
        return Payload.FromString(data)

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        deadline, tries = time.monotonic() + self._patience, 0
        while True:
            try:
                return await ask()
            except Unavailable:
                tries += 1
                wait = backoff_seconds(tries)
                if time.monotonic() + wait > deadline:
                    raise
                await asyncio.sleep(wait)
