"""Small facts that must outlive every process, by key: the port and its twin in memory."""

from typing import Protocol

__all__ = ["KeyValue", "MemoryKeyValue"]


class KeyValue(Protocol):
    """One bucket; keys are any text."""

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; returns whether the key was new. Of many at once, one succeeds.

        Raises:
            Unavailable: Nobody confirmed it; it may be stored, so try again.
        """

    async def get(self, key: str) -> bytes | None:
        """Return the value, if there is one.

        Raises:
            Unavailable: The store does not answer.
        """

    async def put(self, key: str, value: bytes) -> None:
        """Store a value, whatever was there.

        Raises:
            Unavailable: As in ``create``.
        """


class MemoryKeyValue:
    """Keeps values for as long as it lives."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; see ``KeyValue.create``."""
        return self._values.setdefault(key, value) is value

    async def get(self, key: str) -> bytes | None:
        """Return the value; see ``KeyValue.get``."""
        return self._values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Store a value; see ``KeyValue.put``."""
        self._values[key] = value
