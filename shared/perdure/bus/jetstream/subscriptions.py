"""Runs an app's subscriptions and responders on NATS with FastStream.

Each message of a durable pull consumer gets one span and one settlement. FastStream's own tracing and metrics
middlewares label by subject; subjects contain workflow ids, so the labels would be unbounded. Here they are by stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, nullcontext
from time import monotonic
from typing import Any, Final

from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry, Counter, Histogram

from perdure.bus.app import App, Ordered, Responder, Subscription
from perdure.bus.jetstream.consumer_span import consumer_span
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.messages import received_message
from perdure.bus.jetstream.ordered_consumer import OrderedConsumer
from perdure.bus.jetstream.pull import PullContext
from perdure.bus.leadership import lead
from perdure.bus.port import Bus
from perdure.bus.settlement import Delivery, settle
from perdure.bus.topology import STREAMS
from perdure.config.settings import NatsSettings
from perdure.connections.nats import connection_options, protect_connection

__all__ = ["subscribed"]

_FETCH_TIMEOUT_SECONDS: Final = 5.0


@asynccontextmanager
async def subscribed(app: App, bus: Bus, settings: NatsSettings, registry: CollectorRegistry) -> AsyncIterator[Client]:
    """Run an app for the duration of the block; messages whose handling has begun are settled before it ends."""
    broker = NatsBroker(
        **connection_options(settings, f"perdure-{app.service}-subscriptions", app.service),
        ack_policy=AckPolicy.MANUAL,
        decoder=_no_decoding,
        apply_types=False,
        logger=None,
    )
    client = await broker.connect()
    protect_connection(client)
    pulls, metrics = PullContext(client), _Metrics(registry)
    broker.config.connection_state.connect(client, pulls)
    ordered: list[Coroutine[None, None, None]] = []
    for subscription in app.subscriptions:
        settled = _settling(app.service, subscription, bus, metrics)
        if subscription.ordered is None:
            _add_subscription(broker, app.service, subscription, settled, pulls)
        else:
            ordered.append(_consumed_in_order(app.service, subscription, subscription.ordered, settled, bus, client))
    for responder in app.responders:
        _add_responder(broker, app.service, responder)
    await broker.start()
    await client.jetstream().account_info()  # once it replies, the subscriptions exist; a PING may overtake them
    try:
        async with _running(ordered):
            yield client
    finally:
        await _stop(broker, client)


@asynccontextmanager
async def _running(coroutines: Iterable[Coroutine[None, None, None]]) -> AsyncIterator[None]:
    """Run coroutines for the duration of the block; one that fails cancels it, with its error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from failed


async def _stop(broker: NatsBroker, client: Client) -> None:
    try:
        await broker.stop()
    except NatsError:  # without a server nothing can be drained; it redelivers what is unsettled
        await client.close()


class _Metrics:
    """Prometheus metrics of handled messages, by stream."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.handled = Counter("perdure_messages", "Messages handled", ["stream"], registry=registry)
        self.seconds = Histogram(
            "perdure_handling_seconds", "Time to handle one message", ["stream"], registry=registry
        )
        self.pending = Histogram(
            "perdure_pending_messages",
            "Messages still pending when one was delivered",
            ["stream"],
            registry=registry,
            buckets=(0, 1, 10, 100, 1_000, 10_000, 100_000),
        )


def _settling(
    service: str, subscription: Subscription, bus: Bus, metrics: _Metrics
) -> Callable[[Delivery], Awaitable[None]]:
    """Return the handling of one delivery: with a span, a settlement and metrics."""
    stream = subscription.stream
    span_name = f"{service} receives {stream}"

    async def settled(delivery: Delivery) -> None:
        started = monotonic()
        with consumer_span(span_name, delivery.message, delivery.deliveries) if subscription.traced else nullcontext():
            await settle(delivery, subscription.handle, bus=bus, service=service)
        metrics.handled.labels(stream).inc()
        metrics.seconds.labels(stream).observe(monotonic() - started)
        metrics.pending.labels(stream).observe(delivery.message.pending)

    return settled


async def _consumed_in_order(  # noqa: PLR0913, PLR0917 (the parts of one subscription)
    service: str,
    subscription: Subscription,
    ordered: Ordered,
    settled: Callable[[Delivery], Awaitable[None]],
    bus: Bus,
    client: Client,
) -> None:
    consumer = OrderedConsumer(
        bus,
        client.jetstream(),
        service=service,
        stream=subscription.stream,
        lane=ordered.lane,
        attempt=settled,
        concurrency=subscription.concurrency,
    )
    beside = [] if ordered.beside is None else [ordered.beside]
    await lead(ordered.leases, subscription.stream, [consumer.run, *beside])


def _add_subscription(
    broker: NatsBroker,
    service: str,
    subscription: Subscription,
    settled: Callable[[Delivery], Awaitable[None]],
    pulls: PullContext,
) -> None:
    stream = subscription.stream

    async def on_message(message: StreamMessage[Msg]) -> None:
        pulls.by_stream[stream].mark_started(message.raw_message)
        await settled(NatsDelivery(message.raw_message, confirmed=subscription.confirm_acks))

    broker.subscriber(
        STREAMS[stream].subjects,
        stream=JStream(stream, declare=False),
        durable=service,
        pull_sub=PullSub(batch_size=subscription.concurrency, timeout=_FETCH_TIMEOUT_SECONDS),
        max_workers=1 if subscription.fetch_in_batches else subscription.concurrency,
    )(on_message)


def _add_responder(broker: NatsBroker, service: str, responder: Responder) -> None:
    async def on_request(message: StreamMessage[Msg]) -> bytes:
        return await responder.respond(received_message(message.raw_message))

    broker.subscriber(responder.subject, queue=service)(on_request)


async def _no_decoding(message: StreamMessage[Any]) -> StreamMessage[Any]:
    """Replace FastStream's decoding, whose errors would not reach ``settle``."""
    return message
