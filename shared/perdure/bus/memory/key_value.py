"""A key-value bucket in one process's memory."""

from perdure.bus.key_value import Revised

__all__ = ["MemoryKeyValue"]


class MemoryKeyValue:
    """Keeps values for as long as it lives."""

    def __init__(self) -> None:
        self._values: dict[str, Revised] = {}
        self._changes = 0

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; see ``KeyValue.create``."""
        return await self.replace(key, value, revision=0)

    async def get(self, key: str) -> bytes | None:
        """Return the value; see ``KeyValue.get``."""
        known = await self.read(key)
        return None if known is None else known.value

    async def read(self, key: str) -> Revised | None:
        """Return the value with its revision; see ``KeyValue.read``."""
        return self._values.get(key)

    async def replace(self, key: str, value: bytes, *, revision: int) -> bool:
        """Store a value if nobody changed it; see ``KeyValue.replace``."""
        known = self._values.get(key)
        if revision != (0 if known is None else known.revision):
            return False
        await self.put(key, value)
        return True

    async def put(self, key: str, value: bytes) -> None:
        """Store a value; see ``KeyValue.put``."""
        self._changes += 1
        self._values[key] = Revised(value, self._changes)
