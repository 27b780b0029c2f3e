"""A service, seen from the bus: which streams it hears and what it does with each message."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from perdure.bus.settlement import Handle

__all__ = ["Answers", "App", "Hears"]


@dataclass(frozen=True, slots=True)
class Hears:
    """One stream, message by message.

    Attributes:
        at_once: How many messages are handled at the same time; the rest waits in JetStream.
        in_groups: Handle all that came together before more is fetched: cheaper, if messages can wait for each other.
        traced: Whether each message gets a span; who only listens would clutter every trace.
        confirmed: Whether to wait until the server has taken an acknowledgement: a round trip a message, for those of
            which a second delivery would do harm. An acknowledgement that is only sent may be lost.
    """

    stream: str
    handle: Handle
    at_once: int = 64
    in_groups: bool = False
    traced: bool = True
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """Questions put by NATS request and reply; one of the service's processes answers."""

    subject: str
    answer: Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class App:
    """What a service's factory returns; nothing is connected yet.

    Attributes:
        service: Its name: of its consumers, its dead letters and its metrics.
        hears: The streams it hears.
        answers: The questions it answers.
    """

    service: str
    hears: Sequence[Hears]
    answers: Sequence[Answers] = ()
