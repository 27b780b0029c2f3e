"""The port to an object bucket, for data that is too large for a message."""

from typing import Protocol

__all__ = ["ErasableObjects", "Objects"]


class Objects(Protocol):
    """One object bucket. A name identifies its content, as a digest does, so the data of a name never changes."""

    async def put(self, name: str, data: bytes) -> None:
        """Store data under a name. Data that is stored already is sent again only if it would expire soon.

        Raises:
            Unavailable: Storage was not confirmed. The data may be stored: try again.
        """

    async def get(self, name: str) -> bytes:
        """Return the whole data.

        Raises:
            NotKept: The bucket has no object of this name.
            Unavailable: The store does not answer, or the object is incomplete.
        """


class ErasableObjects(Protocol):
    """One object bucket whose objects may be deleted before they expire."""

    async def delete(self, name: str) -> None:
        """Delete an object; deleting a missing one does nothing.

        Raises:
            Unavailable: The deletion was not confirmed.
        """
