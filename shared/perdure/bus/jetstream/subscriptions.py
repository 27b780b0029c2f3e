"""Runs an app's subscriptions and responders on NATS: responders with FastStream, subscriptions with pulls of our own.

Each message of a durable pull consumer gets one span and one settlement. FastStream's own tracing and metrics
middlewares label by subject; subjects contain workflow ids, so the labels would be unbounded. Here they are by stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from time import monotonic
from typing import Any

from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from faststream.nats import NatsBroker
from faststream.nats.security import NatsCredentials, NatsNKey, NatsSecurity, NatsUserPassword
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import CollectorRegistry
from structlog.contextvars import bound_contextvars

from perdure.bus.app import App, Responder, Subscription
from perdure.bus.jetstream.consumer_span import consumer_span
from perdure.bus.jetstream.consumption import Consumption
from perdure.bus.jetstream.messages import received_message
from perdure.bus.jetstream.ordered_consumer import OrderedConsumer
from perdure.bus.leadership import lead
from perdure.bus.port import Bus
from perdure.bus.settlement import Delivery, Settlement, settle
from perdure.config.settings import NatsSettings
from perdure.connections.nats import connection_options
from perdure.connections.protection import protect_connection
from perdure.telemetry.catalogue import HANDLING, HANDOFF, MESSAGES, PENDING, REDELIVERIES
from perdure.values.utc import utc_now

__all__ = ["SubscriptionMetrics", "subscribed"]


@asynccontextmanager
async def subscribed(app: App, bus: Bus, settings: NatsSettings, registry: CollectorRegistry) -> AsyncIterator[Client]:
    """Run an app for the duration of the block; messages whose handling has begun are settled before it ends."""
    options = connection_options(settings, f"perdure-{app.service}-subscriptions", app.service)
    security = _take_security(options)
    broker = NatsBroker(
        **options,
        security=security,
        ack_policy=AckPolicy.MANUAL,
        decoder=_no_decoding,
        apply_types=False,
        logger=None,
    )
    client = await broker.connect()
    client._error_cb = options["error_cb"]  # noqa: SLF001 (FastStream's own would end the attempts at a refusal)
    protect_connection(client)
    metrics = SubscriptionMetrics(registry)
    for responder in app.responders:
        _add_responder(broker, app.service, responder)
    await broker.start()
    await client.jetstream().account_info()  # once it replies, the subscriptions exist; a PING may overtake them
    try:
        consuming = [partial(_consumed, app.service, it, bus, client, metrics) for it in app.subscriptions]
        async with _running([app.duty.run([partial(app.unless_paused.run, consuming)])]):
            yield client
    finally:
        await _stop(broker, client)


def _take_security(options: dict[str, Any]) -> NatsSecurity:
    """Remove the credentials and the TLS context from nats-py's options, and return them as FastStream takes them."""
    names = ("tls", "nkeys_seed", "user_credentials", "user", "password")
    tls, seed, credentials, user, password = (options.pop(name, None) for name in names)
    if seed is not None:
        return NatsNKey.from_file(seed, ssl_context=tls)
    if user is not None:
        return NatsUserPassword(user, password, ssl_context=tls)
    return NatsSecurity(ssl_context=tls) if credentials is None else NatsCredentials(credentials, ssl_context=tls)


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


class SubscriptionMetrics:
    """Prometheus metrics of handled deliveries, by stream."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = MESSAGES.counter(registry)
        self._redelivered = REDELIVERIES.counter(registry)
        self._handling, self._pending, self._handoff = (it.histogram(registry) for it in (HANDLING, PENDING, HANDOFF))

    def count(self, delivery: Delivery, outcome: Settlement, *, seconds: float) -> None:
        """Count a delivery that was handled in so many seconds."""
        message = delivery.message
        self._handled.add(message.stream, outcome)
        if delivery.deliveries > 1:
            self._redelivered.add(message.stream)
        self._handling.labels(message.stream).observe(seconds)
        self._pending.labels(message.stream).observe(message.pending)
        if outcome == "acked":
            age = (utc_now() - message.stored_at).total_seconds()
            self._handoff.labels(message.stream).observe(max(age, 0.0))


def _settling(
    service: str, subscription: Subscription, bus: Bus, metrics: SubscriptionMetrics
) -> Callable[[Delivery], Awaitable[None]]:
    """Return the handling of one delivery: with a span, a settlement and metrics."""
    span_name = f"{service} receives {subscription.stream}"

    async def settled(delivery: Delivery) -> None:
        started, message = monotonic(), delivery.message
        traced = consumer_span(span_name, message, delivery.deliveries) if subscription.traced else nullcontext()
        with traced, bound_contextvars(message=f"{message.stream}:{message.sequence}"):
            outcome = await settle(delivery, subscription.handle, bus=bus, service=service)
        metrics.count(delivery, outcome, seconds=monotonic() - started)

    return settled


async def _consumed(
    service: str, subscription: Subscription, bus: Bus, client: Client, metrics: SubscriptionMetrics
) -> None:
    settled = _settling(service, subscription, bus, metrics)
    if (ordered := subscription.ordered) is None:
        await Consumption(client, service, subscription, settled).run()
        return
    consumer = OrderedConsumer(
        bus,
        client,
        service=service,
        stream=subscription.stream,
        lanes=ordered.lanes,
        attempt=settled,
        concurrency=subscription.concurrency,
    )
    beside = [] if ordered.beside is None else [ordered.beside]
    await lead(ordered.leases, subscription.stream, [consumer.run, *beside], now=ordered.now)


def _add_responder(broker: NatsBroker, service: str, responder: Responder) -> None:
    async def on_request(message: StreamMessage[Msg]) -> bytes:
        return await responder.respond(received_message(message.raw_message))

    broker.subscriber(responder.subject, queue=service, max_workers=responder.concurrency)(on_request)


async def _no_decoding(message: StreamMessage[Any]) -> StreamMessage[Any]:
    """Replace FastStream's decoding, whose errors would not reach ``settle``."""
    return message
