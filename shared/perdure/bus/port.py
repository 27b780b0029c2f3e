"""The one seam between Perdure and its message bus."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from perdure.bus.envelope import Wire
from perdure.contracts import Message

__all__ = ["Bus", "Heard"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it lies in a stream.

    Attributes:
        wire: Subject, headers and bytes as they were said.
        stream: Name of the stream that holds it.
        sequence: Its place in the stream, from 1.
        time: When the server stored it (UTC).
        pending: How many matching messages lay behind it when it was delivered.
    """

    wire: Wire
    stream: str
    sequence: int
    time: datetime
    pending: int


class Bus(Protocol):
    """Somewhere to say things durably and to listen."""

    async def say(self, message: Message) -> int:
        """Say a message and return its sequence in the stream, where it is stored.

        Saying it again within the duplicate window changes nothing, and gives the sequence of the first time.

        Raises:
            Unavailable: Nobody confirmed that it is stored; it may be, so say it again.
        """

    async def publish(self, wire: Wire) -> int:
        """Publish bytes as they are; returns the sequence in the stream.

        Raises:
            Unavailable: As in ``say``.
        """

    def listen(self, subject: str, *, replay: bool = False) -> AsyncIterator[Heard]:
        """Yield messages of one stream whose subject matches, in order: from now on, or all with ``replay``."""

    def recall(self, subject: str, *, last_only: bool = False) -> AsyncIterator[Heard]:
        """Yield what one stream holds of this subject, in order, and end; with ``last_only`` the newest a subject."""

    async def original(self, stream: str, sequence: int) -> Wire | None:
        """Return a message as it lies in its stream; none, if it is no longer there.

        Raises:
            Unavailable: Nobody answers.
        """

    async def first(self, subject: str, *, after: int = 0) -> Heard | None:
        """Return the oldest message of one stream whose subject matches, behind a place in it, if there is one.

        Raises:
            Unavailable: Nobody answers.
        """

    async def caught_up(self, service: str, stream: str) -> None:
        """Wait until a service has settled all that a stream holds now, however long that takes.

        Raises:
            Unavailable: Nobody answers.
        """

    async def counts(self, subject: str) -> dict[str, int]:
        """Return how many messages one stream holds of each subject that matches.

        Raises:
            Unavailable: Nobody answers.
        """

    async def drop(self, stream: str, sequence: int) -> None:
        """Take a message out of its stream; of one that is not there, nothing is left to take.

        Raises:
            Unavailable: Nobody confirmed it.
        """
