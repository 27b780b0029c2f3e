"""A recorded message, as it stands beside its leaf."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

__all__ = ["Kept", "Leaf"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a message beside its leaf.

    Attributes:
        stream: Name of its stream.
        sequence: Its sequence there.
        stored_at: When the stream stored it.
        subject: Its subject.
        headers: Its headers.
        body: Its body; None if it was erased, and ``headers`` and ``salt`` with it.
        salt: The salt of the leaf's digests.
    """

    stream: str
    sequence: int
    stored_at: datetime
    subject: str
    headers: Mapping[str, str]
    body: bytes | None
    salt: bytes


Leaf = tuple[int, bytes, Kept | None]
"""Index, entry, and what is kept of the message; None if nothing is."""
