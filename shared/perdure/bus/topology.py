"""Streams, consumers and buckets, declared once: what exists on NATS, who hears it, and for how long it is kept.

Limits retention everywhere: work-queue retention with replicas and ``max_deliver`` has lost messages
(nats-server issue 7817).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

__all__ = [
    "BUCKETS",
    "CONSUMERS",
    "OBJECTS",
    "QUEUES",
    "STREAMS",
    "Consumer",
    "Stream",
    "matches",
    "stream_of",
]

_DUPLICATES: Final = timedelta(minutes=2)  # the server's own default window
_LONG_DUPLICATE_WINDOW: Final = timedelta(
    days=1
)  # what was away for long may bury a message, or tell of a request, a second time
_ADVISORY_KINDS: Final = ("MAX_DELIVERIES", "MSG_TERMINATED")  # the kinds of JetStream's advisories
_ACK_WAIT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream.

    Attributes:
        keep: How long it keeps a message; zero is for ever.
        duplicates: For how long it knows a message id again.
        more_subjects: Where one pattern does not do.
        newest_only: Whether it keeps only the newest message of each subject.
    """

    name: str
    subjects: str
    max_age: timedelta
    duplicate_window: timedelta = _DUPLICATES
    more_subjects: tuple[str, ...] = ()
    last_per_subject: bool = False

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns of subjects that it stores."""
        return (self.subjects, *self.more_subjects)

    def stores(self, subject: str) -> bool:
        """Tell whether a subject is one of its own."""
        return any(matches(pattern, subject) for pattern in self.patterns)

    def config(self, replicas: int) -> StreamConfig:
        """As JetStream wants it, on so many servers; sizes are left to the server's own limits."""
        return StreamConfig(
            name=self.name,
            subjects=list(self.patterns),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=self.max_age.total_seconds(),
            max_msgs_per_subject=1 if self.last_per_subject else -1,
            duplicate_window=self.duplicate_window.total_seconds(),
            allow_direct=True,
            num_replicas=replicas,
        )


@dataclass(frozen=True, slots=True)
class Consumer:
    """One service's place in one stream: durable, pulled, acknowledged message by message.

    Attributes:
        in_flight: How many messages the service may hold unacknowledged; the rest waits in JetStream.
    """

    service: str
    stream: str
    max_ack_pending: int

    @property
    def config(self) -> ConsumerConfig:
        """As JetStream wants it, on as many servers as its stream.

        ``max_deliver`` is unlimited: the service itself decides when to give up.
        """
        return ConsumerConfig(
            durable_name=self.service,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT.total_seconds(),
            max_deliver=-1,
            max_ack_pending=self.max_ack_pending,
        )


_MESSAGE_STREAMS: Final = {
    stream.name: stream
    for stream in (
        Stream("EVENTS", "events.>", timedelta(days=30)),
        Stream("COMMANDS", "commands.>", timedelta(days=30)),
        Stream("PROGRESS", "progress.>", timedelta(days=30)),
        Stream("APPROVALS", "approvals.>", timedelta(days=400), duplicate_window=_LONG_DUPLICATE_WINDOW),
        Stream("ALERTS", "alerts.>", timedelta(days=90)),
        Stream("DECISIONS", "decisions.>", timedelta(days=90)),
        Stream("SIGNALS", "signals.>", timedelta(days=30)),
        Stream("RECEIPTS", "receipts.>", timedelta(days=90)),
        Stream("NOTIFICATIONS", "notifications.>", timedelta(days=30)),
        Stream("DLQ", "dlq.>", timedelta(days=90), duplicate_window=_LONG_DUPLICATE_WINDOW),
    )
}


def _advisories(of: Iterable[str]) -> Stream:
    """Keep what JetStream says, once and to nobody, when it gives up a message of these streams for a consumer."""
    first, *more = (f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{stream}.*" for kind in _ADVISORY_KINDS for stream in of)
    return Stream("ADVISORIES", first, timedelta(days=30), more_subjects=tuple(more))


STREAMS: Final = {**_MESSAGE_STREAMS, "ADVISORIES": _advisories(_MESSAGE_STREAMS)}
"""What services say and hear, and what the server itself says of it."""

QUEUES: Final = {
    stream.name: stream
    for stream in (
        Stream("WAITING", "waiting.>", timedelta(), duplicate_window=timedelta(days=1)),
        Stream("LATEST", "latest.>", timedelta(), duplicate_window=timedelta(days=1), last_per_subject=True),
        Stream("NOTICES", "notices.>", timedelta(), duplicate_window=timedelta(days=1)),
    )
}
"""Where ingest lets starts wait that may not go yet, and the notifier what people are still to be told; what goes is
taken out. Nobody else hears them."""

CONSUMERS: Final = (
    Consumer("ingest", "EVENTS", max_ack_pending=512),
    Consumer("ingest", "DLQ", max_ack_pending=64),
    Consumer("orchestrator", "COMMANDS", max_ack_pending=256),
    Consumer("orchestrator", "DECISIONS", max_ack_pending=256),
    Consumer("orchestrator", "SIGNALS", max_ack_pending=256),
    Consumer("notifier", "APPROVALS", max_ack_pending=64),
    Consumer("notifier", "ALERTS", max_ack_pending=64),
    *(Consumer("audit", name, max_ack_pending=2048) for name in STREAMS),
)

BUCKETS: Final = {
    "STARTS": timedelta(days=400),  # longer than EVENTS are kept and Temporal remembers an ended run, by far
    "FLOW": timedelta(),
    "NOTICES": timedelta(days=120),  # longer than APPROVALS are kept
}
"""Key-value buckets, and how long each keeps what nobody touched; zero is for ever."""

OBJECTS: Final = {
    "PAYLOADS": timedelta(days=400),  # as long as the ledger remembers the run that refers to them
}
"""Object buckets, and how long each keeps what nobody put again; zero is for ever."""


def stream_of(subject: str) -> Stream:
    """Return the stream that stores this subject."""
    return next(stream for stream in (STREAMS | QUEUES).values() if stream.stores(subject))


def matches(pattern: str, subject: str) -> bool:
    """Tell whether a subject matches a NATS pattern: ``*`` is one token, a last ``>`` is one or more."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(given) <= len(wanted):
            return False
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(w in {"*", g} for w, g in zip(wanted, given, strict=True))
