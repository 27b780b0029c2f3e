"""A service as seen from the bus: its subscriptions and responders."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from perdure.bus.duty import Duty
from perdure.bus.envelope import RawMessage
from perdure.bus.lease import Lease, Leases
from perdure.bus.port import StoredMessage
from perdure.bus.settlement import Handler
from perdure.values.utc import utc_now

__all__ = ["App", "Ordered", "Responder", "Subscription"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """How a stream is handled in the order of storage: by one process at a time, one message at a time in each lane.

    Attributes:
        lanes: Returns the lanes of a message, in each of which it waits for older ones; none if it keeps no order.
        leases: Elect the process; the lease has the name of the stream.
        beside: Runs beside the handling while the process holds the lease, if given.
        now: The clock by which the lease expires (UTC): that of the server, if the clocks of hosts may differ.
    """

    lanes: Callable[[StoredMessage], Collection[str]]
    leases: Leases[Lease]
    beside: Callable[[], Coroutine[None, None, None]] | None = None
    now: Callable[[], datetime] = utc_now


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription of a service to one stream, with the handler of its messages.

    Attributes:
        stream: Name of the stream; the service's durable consumer on it is used.
        handle: Called with each message; ``settle`` acks, naks or terms the message by what it raises.
        concurrency: How many messages are handled at the same time; the others wait in JetStream.
        fetch_in_batches: Handle all that has arrived before more is taken: cheaper where messages may wait for each
            other.
        traced: Whether each message gets a span. Off for services that only record: they would clutter every trace.
        confirm_acks: Whether ``ack`` waits for the server's confirmation, which costs a round trip a message. Set it
            where a second delivery does harm: an unconfirmed ack may be lost.
        ordered: Set where the order of storage counts; acks are confirmed then.
    """

    stream: str
    handle: Handler
    concurrency: int = 64
    fetch_in_batches: bool = False
    traced: bool = True
    confirm_acks: bool = False
    ordered: Ordered | None = None


@dataclass(frozen=True, slots=True)
class Responder:
    """A responder to NATS requests; one process of the service answers each request.

    Attributes:
        subject: The subject or pattern of the requests.
        respond: Called with each request; returns the body of the reply.
        concurrency: How many requests are answered at the same time; the others wait in this process.
    """

    subject: str
    respond: Callable[[RawMessage], Awaitable[bytes]]
    concurrency: int = 1


@dataclass(frozen=True, slots=True)
class App:
    """A service as its factory returns it; nothing is connected yet.

    Attributes:
        service: Its name, which its consumers, dead letters and metrics carry.
        subscriptions: Streams that it consumes.
        responders: Request subjects that it answers.
        done_until: For streams whose messages are read by their places after they were settled, by name: returns up to
            which sequence nobody does any more, at most the given one. Only so far may a stream be trimmed.
        duty: While it is on, streams are consumed; by default always. Requests are answered in any case.
        unless_paused: While it is off, streams are not consumed either.
    """

    service: str
    subscriptions: Sequence[Subscription]
    responders: Sequence[Responder] = ()
    done_until: Mapping[str, Callable[[int], Awaitable[int]]] = field(default_factory=dict)
    duty: Duty = field(default_factory=Duty)
    unless_paused: Duty = field(default_factory=Duty)
