"""An object bucket in one process's memory."""

from perdure.errors import NotKept

__all__ = ["MemoryObjects"]


class MemoryObjects:
    """Keeps objects without limits of age."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        """Store data under a name; see ``Objects.put``."""
        self._data[name] = data

    async def get(self, name: str) -> bytes:
        """Return the data; see ``Objects.get``."""
        try:
            return self._data[name]
        except KeyError:
            raise NotKept(f"There is no object {name}") from None

    async def delete(self, name: str) -> None:
        """Delete an object; see ``ErasableObjects.delete``."""
        self._data.pop(name, None)
