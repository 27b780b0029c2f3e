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

    async def say(self, message: Message) -> None:
        """Say a message and return once it is stored; saying it again within the duplicate window changes nothing.

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
