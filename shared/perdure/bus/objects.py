"""Whole pieces of data that are too large for a message, by name."""

from typing import Protocol

__all__ = ["Objects"]


class Objects(Protocol):
    """One bucket. A name stands for its content, as a digest does: what was put once under it never changes."""

    async def put(self, name: str, data: bytes) -> None:
        """Keep data under a name; what is kept already is not sent again, unless it would soon be forgotten.

        Raises:
            Unavailable: Nobody confirmed it; it may be kept, so try again.
        """

    async def get(self, name: str) -> bytes:
        """Return the data, all of it.

        Raises:
            NotKept: There is none of this name.
            Unavailable: The store does not answer, or has not all of it now.
        """
