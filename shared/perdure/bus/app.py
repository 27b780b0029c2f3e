"""A service, seen from the bus: which streams it hears and what it does with each message."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from perdure.bus.delivery import Handle
from perdure.bus.port import Heard

__all__ = ["Answers", "App", "Batches", "Hears"]


@dataclass(frozen=True, slots=True)
class Hears:
    """One stream, message by message.

    Attributes:
        at_once: How many messages are handled at the same time; the rest waits in JetStream.
    """

    stream: str
    handle: Handle
    at_once: int = 64


@dataclass(frozen=True, slots=True)
class Batches:
    """One stream, many messages at a time, settled together.

    Attributes:
        at_most: The largest batch.
        within: Seconds after which a smaller one is handed over.
    """

    stream: str
    handle: Callable[[Sequence[Heard]], Awaitable[None]]
    at_most: int = 256
    within: float = 0.5


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
    hears: Sequence[Hears | Batches]
    answers: Sequence[Answers] = ()
