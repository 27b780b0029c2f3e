"""Streams, consumers and buckets, declared once: what exists on NATS, who hears it, and for how long it is kept.

Limits retention everywhere: work-queue retention with replicas and ``max_deliver`` has lost messages
(nats-server issue 7817).
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError

from perdure.errors import SetupError
from perdure.nats_client import refusal

__all__ = [
    "BUCKETS",
    "CONSUMERS",
    "OBJECTS",
    "QUEUES",
    "STREAMS",
    "Consumer",
    "Stream",
    "declare",
    "matches",
    "stream_of",
]

_DUPLICATES: Final = timedelta(minutes=2)  # the server's own default window
_SAID_ONCE: Final = timedelta(days=1)  # what was away for long may bury a message, or tell of a request, a second time
_GIVEN_UP: Final = ("MAX_DELIVERIES", "MSG_TERMINATED")  # the kinds of JetStream's advisories
_ACK_WAIT: Final = timedelta(seconds=30)
_FIRST_WAIT: Final = 0.05  # seconds
_LONGEST_WAIT: Final = 2.0  # seconds

_log = logging.getLogger(__name__)


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
    keep: timedelta
    duplicates: timedelta = _DUPLICATES
    more_subjects: tuple[str, ...] = ()
    newest_only: bool = False

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
            max_age=self.keep.total_seconds(),
            max_msgs_per_subject=1 if self.newest_only else -1,
            duplicate_window=self.duplicates.total_seconds(),
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
    in_flight: int

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
            max_ack_pending=self.in_flight,
        )


_SPOKEN: Final = {
    stream.name: stream
    for stream in (
        Stream("EVENTS", "events.>", timedelta(days=30)),
        Stream("COMMANDS", "commands.>", timedelta(days=30)),
        Stream("PROGRESS", "progress.>", timedelta(days=30)),
        Stream("APPROVALS", "approvals.>", timedelta(days=400), duplicates=_SAID_ONCE),
        Stream("ALERTS", "alerts.>", timedelta(days=90)),
        Stream("DECISIONS", "decisions.>", timedelta(days=90)),
        Stream("SIGNALS", "signals.>", timedelta(days=30)),
        Stream("RECEIPTS", "receipts.>", timedelta(days=90)),
        Stream("NOTIFICATIONS", "notifications.>", timedelta(days=30)),
        Stream("DLQ", "dlq.>", timedelta(days=90), duplicates=_SAID_ONCE),
    )
}


def _advisories(of: Iterable[str]) -> Stream:
    """Keep what JetStream says, once and to nobody, when it gives up a message of these streams for a consumer."""
    first, *more = (f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.{stream}.*" for kind in _GIVEN_UP for stream in of)
    return Stream("ADVISORIES", first, timedelta(days=30), more_subjects=tuple(more))


STREAMS: Final = {**_SPOKEN, "ADVISORIES": _advisories(_SPOKEN)}
"""What services say and hear, and what the server itself says of it."""

QUEUES: Final = {
    stream.name: stream
    for stream in (
        Stream("WAITING", "waiting.>", timedelta(), duplicates=timedelta(days=1)),
        Stream("LATEST", "latest.>", timedelta(), duplicates=timedelta(days=1), newest_only=True),
        Stream("NOTICES", "notices.>", timedelta(), duplicates=timedelta(days=1)),
    )
}
"""Where ingest lets starts wait that may not go yet, and the notifier what people are still to be told; what goes is
taken out. Nobody else hears them."""

CONSUMERS: Final = (
    Consumer("ingest", "EVENTS", in_flight=512),
    Consumer("ingest", "DLQ", in_flight=64),
    Consumer("orchestrator", "COMMANDS", in_flight=256),
    Consumer("orchestrator", "DECISIONS", in_flight=256),
    Consumer("orchestrator", "SIGNALS", in_flight=256),
    Consumer("notifier", "APPROVALS", in_flight=64),
    Consumer("notifier", "ALERTS", in_flight=64),
    *(Consumer("audit", name, in_flight=2048) for name in STREAMS),
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


async def declare(js: JetStreamContext, service: str, *, replicas: int = 1) -> None:
    """Create the streams, buckets and this service's consumers that are missing; waits for JetStream.

    What exists keeps the sizes, ages, replicas and windows that its operator set: only what would lose messages, or
    hide them from their service, is changed. Safe from many services at once: creating what exists is no change.

    Args:
        js: The server's.
        service: Whose consumers.
        replicas: On how many servers of a cluster what is made now shall lie.

    Raises:
        SetupError: A stream was made in a way that loses messages, and that cannot be changed; or NATS does not permit
            what is needed.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            await _declare(js, service, replicas)
        except (NatsError, APIError) as error:
            _refuse_if_not_permitted(js, service, error)
            _log.warning("JetStream is not ready: %s", error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        else:
            return


def _refuse_if_not_permitted(js: JetStreamContext, service: str, error: Exception) -> None:
    """End it where trying again is in vain: what is not permitted is never answered, and looks like a slow server."""
    said = js._nc.last_error  # noqa: SLF001 (JetStream's client shows it to nobody)
    sentence = refusal(said) if isinstance(error, NatsTimeoutError) else None
    if sentence is None:
        return
    advice = f"{service} cannot make sure that its streams and consumers are there. {sentence}"
    if "$js.api.stream.update." in str(said):
        advice += " Only the operator may change a stream: run `perdure nats declare` with the operator's nkey."
    raise SetupError(advice) from error


async def _declare(js: JetStreamContext, service: str, replicas: int) -> None:
    for stream in (STREAMS | QUEUES).values():
        await _declare_stream(js, stream, replicas)
    for bucket, keep in BUCKETS.items():
        try:
            await js.key_value(bucket)
        except BucketNotFoundError:
            config = KeyValueConfig(
                bucket, ttl=keep.total_seconds(), storage=StorageType.FILE, replicas=replicas, direct=False
            )
            await js.create_key_value(config)
    for bucket, keep in OBJECTS.items():
        await _declare_objects(js, bucket, keep, replicas)
    for consumer in CONSUMERS:
        if consumer.service == service:
            await _declare_consumer(js, consumer)


async def _declare_stream(js: JetStreamContext, stream: Stream, replicas: int) -> None:
    ours = stream.config(replicas)
    try:
        found = (await js.stream_info(stream.name)).config
    except NotFoundError:
        await js.add_stream(ours)
        return
    if (found.retention, found.storage) != (ours.retention, ours.storage):
        raise SetupError(
            f"{stream.name} may lose messages: it has {found.retention} retention on {found.storage} storage."
            " Perdure needs limits retention on file storage: delete it, and any service makes it anew."
        )
    more = [subject for subject in found.subjects or () if not stream.stores(subject)]
    needed = found.evolve(subjects=[*stream.patterns, *more], allow_direct=True)
    if needed != found:
        await js.update_stream(needed)


async def _declare_objects(js: JetStreamContext, bucket: str, keep: timedelta, replicas: int) -> None:
    try:
        await js.object_store(bucket)
    except BucketNotFoundError:
        config = ObjectStoreConfig(ttl=keep.total_seconds(), storage=StorageType.FILE, replicas=replicas)
        await js.create_object_store(bucket, config)


async def _declare_consumer(js: JetStreamContext, consumer: Consumer) -> None:
    try:
        found = (await js.consumer_info(consumer.stream, consumer.service)).config
    except NotFoundError:
        await js.add_consumer(consumer.stream, consumer.config)
        return
    needed = found.evolve(ack_policy=AckPolicy.EXPLICIT, max_deliver=-1, filter_subject=None, filter_subjects=None)
    if needed != found:
        await js.add_consumer(consumer.stream, needed)


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
