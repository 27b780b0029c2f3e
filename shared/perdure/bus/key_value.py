"""The port to a durable key-value bucket."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["KeyValue", "Revision", "mentions"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A value with its revision; every change of the key has a higher revision."""

    value: bytes
    revision: int


class KeyValue(Protocol):
    """One key-value bucket; any text is a valid key."""

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value if the key is new; returns whether it was. Of concurrent calls exactly one succeeds.

        Raises:
            Unavailable: Storage was not confirmed. The value may be stored: try again.
        """

    async def get(self, key: str) -> bytes | None:
        """Return the value, or None.

        Raises:
            Unavailable: The store does not answer.
        """

    async def read(self, key: str) -> Revision | None:
        """Return the value with its revision, or None.

        Raises:
            Unavailable: The store does not answer.
        """

    async def stored_at(self, key: str) -> datetime | None:
        """Return when the value was stored (UTC), or None if there is none.

        Raises:
            Unavailable: The store does not answer.
        """

    async def replace(self, key: str, value: bytes, *, revision: int) -> int | None:
        """Store a value if the key is still at this revision (0: absent); returns the new one, or None if it is not.

        Raises:
            Unavailable: Storage was not confirmed: read the key to find out.
        """

    async def put(self, key: str, value: bytes) -> None:
        """Store a value, whether or not the key exists.

        Raises:
            Unavailable: As in ``create``.
        """

    async def erase(self, key: str) -> None:
        """Delete a key with its value, of which no trace is left for readers.

        Raises:
            Unavailable: The deletion was not confirmed.
        """

    async def erase_mentions(self, ids: Sequence[bytes]) -> int:
        """Erase each key whose value mentions one of these ids; return how many.

        Raises:
            Unavailable: As in ``erase``.
        """


def mentions(value: bytes, ids: Sequence[bytes]) -> bool:
    """Return whether bytes contain one of these ids, not as the part of a longer one."""
    found = re.search(rb"(?<![\w~-])(?:" + b"|".join(map(re.escape, ids)) + rb")(?![\w~-])", value) if ids else None
    return found is not None
