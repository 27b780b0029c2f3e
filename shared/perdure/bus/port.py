"""The one seam between Perdure and its message bus."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from perdure.bus.envelope import RawMessage
from perdure.contracts import Message

__all__ = ["Bus", "StoredMessage"]


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it lies in a stream.

    Attributes:
        wire: Subject, headers and bytes as they were said.
        stream: Name of the stream that holds it.
        sequence: Its place in the stream, from 1.
        time: When the server stored it (UTC).
        pending: How many matching messages lay behind it when it was delivered.
    """

    raw: RawMessage
    stream: str
    sequence: int
    stored_at: datetime
    pending: int


class Bus(Protocol):
    """Somewhere to say things durably and to listen."""

    async def publish(self, message: Message) -> int:
        """Say a message and return its sequence in the stream, where it is stored.

        Saying it again within the duplicate window changes nothing, and gives the sequence of the first time.

        Raises:
            Unavailable: Nobody confirmed that it is stored; it may be, so say it again.
        """

    async def publish_raw(self, wire: RawMessage) -> int:
        """Publish bytes as they are; returns the sequence in the stream.

        Raises:
            Unavailable: As in ``say``.
        """

    def subscribe(self, subject: str, *, replay: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield messages of one stream whose subject matches, in order: from now on, or all with ``replay``."""

    def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield what one stream holds of this subject, in order, and end; with ``last_only`` the newest a subject."""

    async def get(self, stream: str, sequence: int) -> RawMessage | None:
        """Return a message as it lies in its stream; none, if it is no longer there.

        Raises:
            Unavailable: Nobody answers.
        """

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest message of one stream whose subject matches, behind a place in it, if there is one.

        Raises:
            Unavailable: Nobody answers.
        """

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        """Wait until a service has settled all that a stream holds now, however long that takes.

        Raises:
            Unavailable: Nobody answers.
        """

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Return how many messages one stream holds of each subject that matches.

        Raises:
            Unavailable: Nobody answers.
        """

    async def delete(self, stream: str, sequence: int) -> None:
        """Take a message out of its stream; of one that is not there, nothing is left to take.

        Raises:
            Unavailable: Nobody confirmed it.
        """
