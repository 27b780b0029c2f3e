"""The older part of long conversations, kept by the worker: a request carries its name, not its text.

A conversation that is carried whole with each request makes the history of a run grow with the square of its turns. So
once its newer part is long, it is put away, under its digest, as a link to what was put away before.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from perdure.bus.objects import Objects

__all__ = ["CARRIED_AT_MOST", "Conversations", "too_long"]

CARRIED_AT_MOST: Final = 8 * 1024
"""Bytes of JSON that a request or an answer carries of a conversation, or of a tool's text that only models read."""

_KNOWN_AT_MOST: Final = 256  # links that this worker remembers, so that it seldom has to look them up


class _Link(BaseModel):
    model_config = ConfigDict(frozen=True)

    before: str | None
    said: tuple[dict[str, Any], ...]


class Conversations:
    """Puts messages away and finds them again, on any worker."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: OrderedDict[str, _Link] = OrderedDict()

    async def store(self, before: str | None, said: Sequence[dict[str, Any]]) -> str:
        """Keep messages behind those that were kept before, and return where.

        Raises:
            Unavailable: NATS does not take them now.
        """
        link = _Link(before=before, said=tuple(said))
        name = await self.store_text(link.model_dump_json())
        self._remember(name, link)
        return name

    async def load(self, name: str | None) -> list[dict[str, Any]]:
        """Return all messages up to this place, oldest first.

        Raises:
            NotKept: One of them is no longer there.
            Unavailable: NATS does not give them now.
        """
        links: list[_Link] = []
        while name is not None:
            link = self._known.get(name) or _Link.model_validate_json(await self._objects.get(name))
            self._remember(name, link)
            links.append(link)
            name = link.before
        return [message for link in reversed(links) for message in link.said]

    async def store_text(self, text: str) -> str:
        """Keep a long text and return where."""
        data = text.encode()
        name = sha256(data).hexdigest()
        await self._objects.put(name, data)
        return name

    async def load_text(self, name: str) -> str:
        """Return a text that was kept."""
        return (await self._objects.get(name)).decode()

    def _remember(self, name: str, link: _Link) -> None:
        self._known[name] = link
        self._known.move_to_end(name)
        if len(self._known) > _KNOWN_AT_MOST:
            self._known.popitem(last=False)


def too_long(messages: Sequence[dict[str, Any]]) -> bool:
    """Tell whether so much is no longer carried."""
    return len(to_json(messages)) > CARRIED_AT_MOST
