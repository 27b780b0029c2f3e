"""The streams, durable consumers and buckets that Perdure needs on NATS, with their limits.

Every stream has limits retention: work-queue retention with replicas and ``max_deliver`` has lost messages
(nats-server issue 7817).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from perdure.bus.subject_patterns import matches
from perdure.config.retention import StreamSettings

__all__ = [
    "APPEND_ONLY",
    "BUCKETS",
    "CONSUMERS",
    "FLOORS",
    "OBJECTS",
    "QUEUES",
    "RENEW_ACKS_SECONDS",
    "STREAMS",
    "Consumer",
    "Stream",
    "stream_of",
]

_DUPLICATE_WINDOW: Final = timedelta(minutes=2)  # the server's own default
# After a long outage a service may publish the same dead letter or approval request again.
_LONG_DUPLICATE_WINDOW: Final = timedelta(days=1)
_LARGEST_EVENT: Final = 8 * 1024 * 1024  # bytes; what services read at once is bounded whatever max_payload is
_GIBIBYTE: Final = 1024**3
_ADVISORY_KINDS: Final = ("MAX_DELIVERIES", "MSG_TERMINATED")
_ACK_WAIT: Final = timedelta(seconds=6)
"""After it, what a killed process was given is delivered to another one; a living one renews it meanwhile."""

RENEW_ACKS_SECONDS: Final = 1.5
"""How often a service tells JetStream that it still handles a message."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and its limits.

    Attributes:
        name: Its name on the server.
        subjects: Pattern of the subjects that it stores.
        max_age: How long it keeps a message; zero is for ever.
        duplicate_window: How long it recognises a message id as a duplicate.
        more_subjects: Further patterns, where one is not enough.
        last_per_subject: Whether it keeps only the newest message of each subject.
        largest_message: Bytes of headers and body above which the server refuses a message; -1 leaves it to the
            server's ``max_payload``.
        max_bytes: Its size above which it refuses if a service trims it; otherwise it grows, and an alert is raised.
        append_only: Whether the server refuses to delete or purge its messages for anybody.
        most_per_subject: How many messages of each subject it keeps; -1 is all of them.
        trimmed_by: The service that removes its oldest settled messages before it is full: the one that consumes it,
            which could lose its messages anyway. None if the stream never refuses.
    """

    name: str
    subjects: str
    max_age: timedelta
    duplicate_window: timedelta = _DUPLICATE_WINDOW
    more_subjects: tuple[str, ...] = ()
    last_per_subject: bool = False
    largest_message: int = -1
    max_bytes: int = 4 * _GIBIBYTE
    trimmed_by: str | None = None
    append_only: bool = False
    most_per_subject: int = -1

    def kept(self, settings: StreamSettings | None) -> "Stream":
        """Return the stream with the limits that the configuration gives it."""
        return replace(self, **({} if settings is None else settings.model_dump(exclude_none=True)))

    @property
    def patterns(self) -> tuple[str, ...]:
        """All subject patterns of the stream."""
        return (self.subjects, *self.more_subjects)

    def stores(self, subject: str) -> bool:
        """Return whether the stream stores a subject."""
        return any(matches(pattern, subject) for pattern in self.patterns)

    def config(self, replicas: int) -> StreamConfig:
        """Return the JetStream configuration for this many replicas.

        A stream that refuses has a bound and discards new messages: with ``discard: old`` the server would delete
        acknowledged messages that nobody has handled. The size of the others is left to the server's limits.
        """
        window = min(self.duplicate_window, self.max_age) if self.max_age else self.duplicate_window
        return StreamConfig(
            name=self.name,
            subjects=list(self.patterns),
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=self.max_age.total_seconds(),
            max_msgs_per_subject=1 if self.last_per_subject else self.most_per_subject,
            deny_delete=self.append_only,
            deny_purge=self.append_only,
            max_msg_size=self.largest_message,
            max_bytes=self.max_bytes if self.trimmed_by else -1,
            discard=DiscardPolicy.NEW if self.trimmed_by else DiscardPolicy.OLD,
            duplicate_window=window.total_seconds(),
            allow_direct=True,
            num_replicas=replicas,
        )


@dataclass(frozen=True, slots=True)
class Consumer:
    """The durable pull consumer of one service on one stream, with explicit acks.

    Attributes:
        service: The service, whose name the consumer has.
        stream: Name of the stream.
        max_ack_pending: How many messages may be unacknowledged; the others wait in JetStream.
    """

    service: str
    stream: str
    max_ack_pending: int

    @property
    def config(self) -> ConsumerConfig:
        """The JetStream configuration, with as many replicas as its stream.

        ``max_deliver`` is unlimited, because the service itself decides when a message becomes a dead letter.
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
        Stream(
            "EVENTS",
            "events.>",
            timedelta(days=30),
            largest_message=_LARGEST_EVENT,
            max_bytes=2 * _GIBIBYTE,
            trimmed_by="ingest",
        ),
        Stream("VERDICTS", "verdicts.>", timedelta(days=30)),
        Stream("COMMANDS", "commands.>", timedelta(days=30), max_bytes=2 * _GIBIBYTE, trimmed_by="orchestrator"),
        Stream("PROGRESS", "progress.>", timedelta(days=30)),
        Stream("APPROVALS", "approvals.>", timedelta(days=400), duplicate_window=_LONG_DUPLICATE_WINDOW),
        Stream("ALERTS", "alerts.>", timedelta(days=90)),
        Stream("DECISIONS", "decisions.>", timedelta(days=90), max_bytes=_GIBIBYTE // 2, trimmed_by="orchestrator"),
        Stream("SIGNALS", "signals.>", timedelta(days=30), max_bytes=_GIBIBYTE // 2, trimmed_by="orchestrator"),
        Stream("RECEIPTS", "receipts.>", timedelta(days=90)),
        Stream("NOTIFICATIONS", "notifications.>", timedelta(days=30)),
        Stream("DLQ", "dlq.>", timedelta(days=90), duplicate_window=_LONG_DUPLICATE_WINDOW),
        Stream("ADMIN", "admin.>", timedelta()),  # that the approvers file was once read is never forgotten
    )
}


def _advisories(of: Iterable[str]) -> Stream:
    """Return the stream of the advisories that JetStream publishes when it stops delivering a message to a consumer.

    The server publishes each advisory once: without a stream it would be lost.
    """
    first, *more = (f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{stream}.*" for kind in _ADVISORY_KINDS for stream in of)
    return Stream("ADVISORIES", first, timedelta(days=30), more_subjects=tuple(more))


STREAMS: Final = {**_MESSAGE_STREAMS, "ADVISORIES": _advisories(_MESSAGE_STREAMS)}
"""Streams of messages between services, and of JetStream's advisories about them, by name."""

QUEUES: Final = {
    stream.name: stream
    for stream in (
        Stream("WAITING", "waiting.>", timedelta(), duplicate_window=timedelta(days=1)),
        Stream("LATEST", "latest.>", timedelta(), duplicate_window=timedelta(days=1), last_per_subject=True),
        Stream("OPEN", "open.>", timedelta(), last_per_subject=True),
        Stream("NOTICES", "notices.>", timedelta(), duplicate_window=timedelta(days=1)),
        Stream("STUCK", "stuck.>", timedelta(), last_per_subject=True),
    )
}
"""Streams that one service uses as its own queue, by name; it deletes a message once it is done.

WAITING and LATEST hold the starts that ingest may not release yet, OPEN the runs that take a slot of their route,
NOTICES the notices that are still to be sent, STUCK the runs that wait for mended code.
"""

APPEND_ONLY: Final = {
    "CHECKPOINTS": Stream("CHECKPOINTS", "checkpoints.>", timedelta(), append_only=True, most_per_subject=100_000)
}
"""Streams whose messages nobody can delete, by name; the audit does not record what it publishes about its record."""

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

FLOORS: Final = "FLOORS"
"""The bucket of the services' own floors, one entry a consumer: ``<service>-<stream>``."""

BUCKETS: Final = {
    FLOORS: timedelta(),
    "STARTS": timedelta(days=400),  # far longer than EVENTS are kept and than Temporal retains a closed run
    "FLOW": timedelta(),
    "BRIDGE": timedelta(days=90),  # as long as DECISIONS are kept
    "NOTICES": timedelta(days=410),  # longer than APPROVALS are kept
    "VERIFICATIONS": timedelta(days=90),  # as long as DECISIONS are kept
}
"""Key-value buckets, and how long each keeps a key after its last change; zero is for ever."""

OBJECTS: Final = {
    "PAYLOADS": timedelta(days=400),  # as long as the start ledger keeps the run that refers to them
}
"""Object buckets, and how long each keeps an object after its last put; zero is for ever."""


def stream_of(subject: str) -> Stream:
    """Return the stream that stores a subject."""
    return next(stream for stream in (STREAMS | QUEUES | APPEND_ONLY).values() if stream.stores(subject))
