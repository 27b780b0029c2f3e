"""A key-value bucket in one process's memory."""

from collections.abc import Sequence
from datetime import UTC, datetime

from perdure.bus.key_value import Revision, mentions

__all__ = ["MemoryKeyValue"]


class MemoryKeyValue:
    """Keeps values without limits of age."""

    def __init__(self) -> None:
        self._values: dict[str, Revision] = {}
        self._last_revision = 0
        self._stored_at: dict[str, datetime] = {}

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; see ``KeyValue.create``."""
        return await self.replace(key, value, revision=0) is not None

    async def get(self, key: str) -> bytes | None:
        """Return the value; see ``KeyValue.get``."""
        found = await self.read(key)
        return None if found is None else found.value

    async def read(self, key: str) -> Revision | None:
        """Return the value with its revision; see ``KeyValue.read``."""
        return self._values.get(key)

    async def stored_at(self, key: str) -> datetime | None:
        """Return when the value was stored; see ``KeyValue.stored_at``."""
        return self._stored_at.get(key)

    async def replace(self, key: str, value: bytes, *, revision: int) -> int | None:
        """Store a value if its revision is unchanged; see ``KeyValue.replace``."""
        found = self._values.get(key)
        if revision != (0 if found is None else found.revision):
            return None
        await self.put(key, value)
        return self._last_revision

    async def put(self, key: str, value: bytes) -> None:
        """Store a value; see ``KeyValue.put``."""
        self._last_revision += 1
        self._stored_at[key] = datetime.now(UTC)
        self._values[key] = Revision(value, self._last_revision)

    async def erase(self, key: str) -> None:
        """Delete a key; see ``KeyValue.erase``."""
        self._values.pop(key, None)

    async def erase_mentions(self, ids: Sequence[bytes]) -> int:
        """Delete the keys whose values mention ids; see ``KeyValue.erase_mentions``."""
        found = [key for key, it in self._values.items() if mentions(it.value, ids)]
        for key in found:
            del self._values[key]
        return len(found)
