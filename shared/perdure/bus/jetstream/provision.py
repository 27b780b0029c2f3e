"""Creates the streams, buckets and consumers that the topology names, where they are missing."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, KeyValueConfig, ObjectStoreConfig, StorageType
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError

from perdure.bus.topology import BUCKETS, CONSUMERS, OBJECTS, QUEUES, STREAMS, Consumer, Stream
from perdure.connections.nats import refusal
from perdure.errors import SetupError

__all__ = ["provision"]

_FIRST_WAIT: Final = 0.05  # seconds
_LONGEST_WAIT: Final = 2.0  # seconds

_log = logging.getLogger(__name__)


async def provision(js: JetStreamContext, service: str, *, replicas: int = 1) -> None:
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
