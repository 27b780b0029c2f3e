"""A service, seen from the bus: which streams it hears and what it does with each message."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from perdure.bus.settlement import Handler

__all__ = ["App", "Responder", "Subscription"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """One stream, message by message.

    Attributes:
        at_once: How many messages are handled at the same time; the rest waits in JetStream.
        in_groups: Handle all that came together before more is fetched: cheaper, if messages can wait for each other.
        traced: Whether each message gets a span; who only listens would clutter every trace.
        confirmed: Whether to wait until the server has taken an acknowledgement: a round trip a message, for those of
            which a second delivery would do harm. An acknowledgement that is only sent may be lost.
    """

    stream: str
    handle: Handler
    concurrency: int = 64
    fetch_in_batches: bool = False
    traced: bool = True
    confirm_acks: bool = False


@dataclass(frozen=True, slots=True)
class Responder:
    """Questions put by NATS request and reply; one of the service's processes answers."""

    subject: str
    respond: Callable[[bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class App:
    """What a service's factory returns; nothing is connected yet.

    Attributes:
        service: Its name: of its consumers, its dead letters and its metrics.
        hears: The streams it hears.
        answers: The questions it answers.
    """

    service: str
    subscriptions: Sequence[Subscription]
    responders: Sequence[Responder] = ()
