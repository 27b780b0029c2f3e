"""Runs an app's subscriptions and responders on NATS with FastStream.

Each message of a durable pull consumer gets one span and one settlement. FastStream's own tracing and metrics
middlewares label by subject; subjects contain workflow ids, so the labels would be unbounded. Here they are by stream.
"""

from collections.abc import AsyncIterator
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

from perdure.bus.app import App, Responder, Subscription
from perdure.bus.jetstream.consumer_span import consumer_span
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.messages import received_message
from perdure.bus.jetstream.pull import PullContext
from perdure.bus.port import Bus
from perdure.bus.settlement import settle
from perdure.bus.topology import STREAMS
from perdure.config.settings import NatsSettings
from perdure.connections.nats import accept_any_subject, connection_options

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
    accept_any_subject(client)
    pulls, metrics = PullContext(client), _Metrics(registry)
    broker.config.connection_state.connect(client, pulls)
    for subscription in app.subscriptions:
        _add_subscription(broker, app.service, subscription, bus, pulls, metrics)
    for responder in app.responders:
        _add_responder(broker, app.service, responder)
    await broker.start()
    await client.jetstream().account_info()  # once it replies, the subscriptions exist; a PING may overtake them
    try:
        yield client
    finally:
        await _stop(broker, client)


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


def _add_subscription(  # noqa: PLR0913, PLR0917 (the parts of one subscription)
    broker: NatsBroker, service: str, subscription: Subscription, bus: Bus, pulls: PullContext, metrics: _Metrics
) -> None:
    stream = subscription.stream
    span_name = f"{service} receives {stream}"

    async def on_message(message: StreamMessage[Msg]) -> None:
        started = monotonic()
        pulls.by_stream[stream].mark_started(message.raw_message)
        delivery = NatsDelivery(message.raw_message, confirmed=subscription.confirm_acks)
        with consumer_span(span_name, delivery.message, delivery.deliveries) if subscription.traced else nullcontext():
            await settle(delivery, subscription.handle, bus=bus, service=service)
        metrics.handled.labels(stream).inc()
        metrics.seconds.labels(stream).observe(monotonic() - started)
        metrics.pending.labels(stream).observe(delivery.message.pending)

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
