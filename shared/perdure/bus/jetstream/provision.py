"""Creates the missing streams, buckets and consumers of the topology."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, KeyValueConfig, ObjectStoreConfig, StorageType
from nats.js.errors import APIError, BucketNotFoundError, NotFoundError

from perdure.bus.jetstream.floors import ConsumerFloor
from perdure.bus.jetstream.refusals import other_stream_text, refusal_text
from perdure.bus.jetstream.reservation import store_fitting
from perdure.bus.jetstream.stream_limits import marked, with_limits, without_loss
from perdure.bus.topology import APPEND_ONLY, BUCKETS, CONSUMERS, OBJECTS, QUEUES, STREAMS, Consumer, Stream
from perdure.config.nats import NatsSettings
from perdure.connections.nats import refusal
from perdure.errors import SetupError, Unavailable

__all__ = ["provision"]

_MIN_RETRY_SECONDS: Final = 0.05
_MAX_RETRY_SECONDS: Final = 2.0
_ACK_WAIT_OF_0_1: Final = 30.0  # seconds; what an operator set otherwise stays
_DEFAULTS: Final = NatsSettings()
_OPERATOR: Final = "operator"  # only it may change streams

_log = logging.getLogger(__name__)


async def provision(js: JetStreamContext, service: str, settings: NatsSettings = _DEFAULTS) -> None:
    """Create the missing streams and buckets, and the missing consumers of a service; waits for JetStream.

    Existing streams keep the sizes, ages, replicas and windows that the operator set. Only settings that lose messages
    or hide them from the service are changed; as the operator, also the limits that Perdure has set. Several services
    may provision at the same time.

    Args:
        js: JetStream context.
        service: The service whose consumers are created.
        settings: What streams and buckets keep, and the replicas of new ones.

    Raises:
        SetupError: A stream has settings that lose messages and cannot be changed, or NATS refuses for good.
    """
    wait = _MIN_RETRY_SECONDS
    while True:
        try:
            await _create_missing(js, service, settings)
        except (NatsError, APIError, Unavailable) as error:
            _raise_if_denied(js, service, error)
            if (text := await refusal_text(js, error)) is not None:
                raise SetupError(text) from error
            _log.warning("JetStream is not ready, retrying: %s", error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _MAX_RETRY_SECONDS)
        else:
            return


def _raise_if_denied(js: JetStreamContext, service: str, error: Exception) -> None:
    """Raise where a retry is pointless: the server does not reply to a denied request, so it times out."""
    last_error = js._nc.last_error  # noqa: SLF001 (JetStreamContext does not expose it)
    timed_out = isinstance(error, NatsTimeoutError) or isinstance(error.__cause__, NatsTimeoutError)
    denied = refusal(last_error) if timed_out else None
    if denied is None:
        return
    text = f"{service} cannot create or check its streams and consumers. {denied}"
    if "$js.api.stream.update." in str(last_error):
        text += " Only the operator may change a stream: run `perdure admin nats provision` with the operator's nkey."
    raise SetupError(text) from error


async def _create_missing(js: JetStreamContext, service: str, settings: NatsSettings) -> None:
    for stream in (STREAMS | QUEUES | APPEND_ONLY).values():
        await _provision_stream(js, stream, service, settings)
    for bucket, keep in BUCKETS.items():
        try:
            await js.key_value(bucket)
        except BucketNotFoundError:
            config = KeyValueConfig(
                bucket,
                ttl=_kept(bucket, keep, settings).total_seconds(),
                storage=StorageType.FILE,
                replicas=settings.replicas,
                direct=False,
            )
            await js.create_key_value(config)
    for bucket, keep in OBJECTS.items():
        await _provision_objects(js, bucket, _kept(bucket, keep, settings), settings.replicas)
    if service == _OPERATOR:
        for bucket, keep in BUCKETS.items():
            await _limit_bucket(js, f"KV_{bucket}", keep, _kept(bucket, keep, settings))
        for bucket, keep in OBJECTS.items():
            await _limit_bucket(js, f"OBJ_{bucket}", keep, _kept(bucket, keep, settings))
    for consumer in CONSUMERS:
        if consumer.service == service:
            await _provision_consumer(js, consumer)


def _kept(bucket: str, default: timedelta, settings: NatsSettings) -> timedelta:
    """Return how long a bucket shall keep an entry."""
    given = {str(name): it.max_age for name, it in settings.buckets.items()}.get(bucket)
    return default if given is None else given


async def _limit_bucket(js: JetStreamContext, name: str, formerly: timedelta, keep: timedelta) -> None:
    """Give a bucket the age that the configuration names, unless its operator has set another."""
    found = (await js.stream_info(name)).config
    as_before = found.evolve(max_age=formerly.total_seconds())
    needed = with_limits(found, found.evolve(max_age=keep.total_seconds()), formerly=as_before)
    if needed != found:
        await js.update_stream(needed)


async def _provision_stream(js: JetStreamContext, stream: Stream, service: str, settings: NatsSettings) -> None:
    config = stream.kept(settings.stream_limits.get(stream.name)).config(settings.replicas)
    try:
        found = (await js.stream_info(stream.name)).config
    except NotFoundError:
        await store_fitting(marked(config), js.add_stream)
        return
    if (found.retention, found.storage) != (config.retention, config.storage):
        raise SetupError(other_stream_text(found, config))
    other = [subject for subject in found.subjects or () if not stream.stores(subject)]
    needed = without_loss(found.evolve(subjects=[*stream.patterns, *other], allow_direct=True), config)
    if service == _OPERATOR:
        needed = with_limits(needed, config, formerly=stream.config(1).evolve(max_bytes=-1))
    if needed != found:
        await store_fitting(needed, js.update_stream, former=found.max_bytes or -1)


async def _provision_objects(js: JetStreamContext, bucket: str, keep: timedelta, replicas: int) -> None:
    try:
        await js.object_store(bucket)
    except BucketNotFoundError:
        config = ObjectStoreConfig(ttl=keep.total_seconds(), storage=StorageType.FILE, replicas=replicas)
        await js.create_object_store(bucket, config)


async def _provision_consumer(js: JetStreamContext, consumer: Consumer) -> None:
    if await ConsumerFloor(js, consumer).declare():
        return
    found = (await js.consumer_info(consumer.stream, consumer.service)).config
    needed = found.evolve(
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.config.ack_wait if found.ack_wait == _ACK_WAIT_OF_0_1 else found.ack_wait,
        max_deliver=-1,
        filter_subject=None,
        filter_subjects=None,
    )
    if needed != found:
        await js.add_consumer(consumer.stream, needed)
