"""Storage for the older part of long conversations, so that a request carries its name instead of its text.

If each request carried the whole conversation, a run's history would grow with the square of its turns. Messages beyond
a limit are stored under their digest; each stored part links to the part before it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from perdure.bus.objects import Objects

__all__ = ["MAX_CARRIED_BYTES", "Conversations", "too_long"]

MAX_CARRIED_BYTES: Final = 8 * 1024
"""Bytes of JSON that a request or a result carries of a conversation, or of a tool's text that only models read."""

_CACHED_PARTS: Final = 256  # per worker; most requests then need no look-up


class _Part(BaseModel):
    """A stored part of a conversation; ``said`` is the name under which its messages were first stored."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    before: str | None
    messages: tuple[dict[str, Any], ...] = Field(alias="said")


class Conversations:
    """Stores messages and loads them again, on any worker."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._cache: OrderedDict[str, _Part] = OrderedDict()

    async def store(self, before: str | None, messages: Sequence[dict[str, Any]]) -> str:
        """Store messages that follow an already stored part, and return the name of the new part.

        Raises:
            Unavailable: NATS does not accept them now.
        """
        part = _Part(before=before, messages=tuple(messages))
        name = await self.store_text(part.model_dump_json(by_alias=True))
        self._remember(name, part)
        return name

    async def load(self, name: str | None) -> list[dict[str, Any]]:
        """Return all messages up to the end of this part, oldest first.

        Raises:
            NotKept: A part is no longer stored.
            Unavailable: NATS does not return it now.
        """
        parts: list[_Part] = []
        while name is not None:
            part = self._cache.get(name) or _Part.model_validate_json(await self._objects.get(name))
            self._remember(name, part)
            parts.append(part)
            name = part.before
        return [message for part in reversed(parts) for message in part.messages]

    async def store_text(self, text: str) -> str:
        """Store a long text and return its name."""
        return await self.store_bytes(text.encode())

    async def load_text(self, name: str) -> str:
        """Return a stored text."""
        return (await self.load_bytes(name)).decode()

    async def store_bytes(self, data: bytes) -> str:
        """Store bytes and return their name, their SHA-256."""
        name = sha256(data).hexdigest()
        await self._objects.put(name, data)
        return name

    async def load_bytes(self, name: str) -> bytes:
        """Return stored bytes.

        Raises:
            NotKept: They are no longer stored.
            Unavailable: NATS does not return them now.
        """
        return await self._objects.get(name)

    def _remember(self, name: str, part: _Part) -> None:
        self._cache[name] = part
        self._cache.move_to_end(name)
        if len(self._cache) > _CACHED_PARTS:
            self._cache.popitem(last=False)


def too_long(messages: Sequence[dict[str, Any]]) -> bool:
    """Return whether the messages exceed the limit and must be stored."""
    return len(to_json(messages)) > MAX_CARRIED_BYTES
