"""Small facts that must outlive every process, by key."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["KeyValue", "Revised"]


@dataclass(frozen=True, slots=True)
class Revised:
    """A value as it was when it was read; every change has a higher revision."""

    value: bytes
    revision: int


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

    async def read(self, key: str) -> Revised | None:
        """Return the value with its revision, if there is one.

        Raises:
            Unavailable: The store does not answer.
        """

    async def replace(self, key: str, value: bytes, *, revision: int) -> bool:
        """Store a value if nobody changed it since this revision (0: since there was none); returns whether it is so.

        Raises:
            Unavailable: Nobody confirmed it; read again to see.
        """

    async def put(self, key: str, value: bytes) -> None:
        """Store a value, whatever was there.

        Raises:
            Unavailable: As in ``create``.
        """
