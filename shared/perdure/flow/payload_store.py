"""The claim check: payloads too large for Temporal are stored in an object store, by their digest."""

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
"""The bucket of the topology that holds the payloads."""

_T = TypeVar("_T")

_RETRY_FOR: Final = 10.0  # seconds; longer than a server takes to restart: an activity that gives up has to run again


def payload_storage(objects: Objects, inline_bytes: int) -> ExternalStorage:
    """Return the external storage of a data converter for payloads of so many bytes or more."""
    return ExternalStorage(drivers=[PayloadStore(objects)], payload_size_threshold=inline_bytes)


class PayloadStore(StorageDriver):
    """Stores each payload under its SHA-256: a value that is passed from step to step is stored once."""

    def __init__(self, objects: Objects, *, retry_for: float = _RETRY_FOR) -> None:
        self._objects = objects
        self._retry_for = retry_for

    def name(self) -> str:
        """Return the name that references hold; it never changes."""
        return "perdure"

    async def store(
        self,
        context: StorageDriverStoreContext,  # noqa: ARG002 (temporalio's signature)
        payloads: Sequence[Payload],
    ) -> list[StorageDriverClaim]:
        """Store payloads, and return their references.

        Raises:
            Unavailable: The object store is away for long. Temporal tries the task or activity again.
        """
        return [await self._store(payload.SerializeToString(deterministic=True)) for payload in payloads]

    async def retrieve(
        self,
        context: StorageDriverRetrieveContext,  # noqa: ARG002 (temporalio's signature)
        claims: Sequence[StorageDriverClaim],
    ) -> list[Payload]:
        """Return the payloads of these references.

        Raises:
            NotKept: It is gone or has changed. Temporal tries again, and ``perdure runs show`` shows it.
            Unavailable: The object store is away for long. Temporal tries the task or activity again.
        """
        return [await self._retrieve(claim.claim_data["sha256"]) for claim in claims]

    async def _store(self, data: bytes) -> StorageDriverClaim:
        digest = sha256(data).hexdigest()
        await self._retry(lambda: self._objects.put(digest, data))
        return StorageDriverClaim({"sha256": digest, "bytes": str(len(data))})

    async def _retrieve(self, digest: str) -> Payload:
        data = await self._retry(lambda: self._objects.get(digest))
        found = sha256(data).hexdigest()
        if found != digest:
            raise NotKept(f"The payload {digest} has changed: its content has the digest {found}")
        return Payload.FromString(data)

    async def _retry(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        deadline, tries = time.monotonic() + self._retry_for, 0
        while True:
            try:
                return await ask()
            except Unavailable:
                tries += 1
                wait = backoff_seconds(tries)
                if time.monotonic() + wait > deadline:
                    raise
                await asyncio.sleep(wait)
