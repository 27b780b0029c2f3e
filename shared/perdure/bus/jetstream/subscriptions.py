"""An app is connected to NATS by FastStream: durable pull consumers, one span and one settlement a message.

FastStream's own tracing and metrics middlewares label by subject, and subjects here hold workflow ids: without bound.
So both are done here, by stream.
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
from perdure.bus.jetstream.connection import accept_any_subject, connection_options
from perdure.bus.jetstream.consumer_span import consumer_span
from perdure.bus.jetstream.delivery import NatsDelivery
from perdure.bus.jetstream.pull import PullContext
from perdure.bus.port import Bus
from perdure.bus.settlement import settle
from perdure.bus.topology import STREAMS
from perdure.config.settings import NatsSettings

__all__ = ["subscribed"]

_FETCH_WAIT: Final = 5.0  # seconds that an idle fetch stays open


@asynccontextmanager
async def subscribed(app: App, bus: Bus, settings: NatsSettings, registry: CollectorRegistry) -> AsyncIterator[Client]:
    """Hear what the app wants to hear for as long as the block lasts; messages in hand are settled before it ends."""
    broker = NatsBroker(
        **connection_options(settings, f"perdure-{app.service}-hears", app.service),
        ack_policy=AckPolicy.MANUAL,
        decoder=_as_delivered,
        apply_types=False,
        logger=None,
    )
    client = await broker.connect()
    accept_any_subject(client)
    pulls, metrics = PullContext(client), _Metrics(registry)
    broker.config.connection_state.connect(client, pulls)
    for ear in app.subscriptions:
        _subscribe(broker, app.service, ear, bus, pulls, metrics)
    for question in app.responders:
        _answer(broker, app.service, question)
    await broker.start()
    await client.jetstream().account_info()  # its answer comes after our subscriptions; a PING may overtake them
    try:
        yield client
    finally:
        await _stop(broker, client)


async def _stop(broker: NatsBroker, client: Client) -> None:
    try:
        await broker.stop()
    except NatsError:  # the server is away: nothing can be drained, and what was in hand comes back by itself
        await client.close()


class _Metrics:
    """What Prometheus sees of a service's hearing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.handled = Counter("perdure_messages", "Messages handled", ["stream"], registry=registry)
        self.seconds = Histogram(
            "perdure_handling_seconds", "Time to handle one message", ["stream"], registry=registry
        )
        self.pending = Histogram(
            "perdure_pending_messages",
            "Messages that lay behind one when it was delivered",
            ["stream"],
            registry=registry,
            buckets=(0, 1, 10, 100, 1_000, 10_000, 100_000),
        )


def _subscribe(  # noqa: PLR0913, PLR0917 (what there is to wire)
    broker: NatsBroker, service: str, ear: Subscription, bus: Bus, pulls: PullContext, metrics: _Metrics
) -> None:
    name = f"{service} hears {ear.stream}"

    async def on_message(message: StreamMessage[Msg]) -> None:
        started = monotonic()
        pulls.by_stream[ear.stream].mark_started(message.raw_message)
        delivery = NatsDelivery(message.raw_message, confirmed=ear.confirm_acks)
        with consumer_span(name, delivery.message, delivery.deliveries) if ear.traced else nullcontext():
            await settle(delivery, ear.handle, bus=bus, service=service)
        metrics.handled.labels(ear.stream).inc()
        metrics.seconds.labels(ear.stream).observe(monotonic() - started)
        metrics.pending.labels(ear.stream).observe(delivery.message.pending)

    broker.subscriber(
        STREAMS[ear.stream].subjects,
        stream=JStream(ear.stream, declare=False),
        durable=service,
        pull_sub=PullSub(batch_size=ear.concurrency, timeout=_FETCH_WAIT),
        max_workers=1 if ear.fetch_in_batches else ear.concurrency,
    )(on_message)


def _answer(broker: NatsBroker, service: str, question: Responder) -> None:
    async def on_question(message: StreamMessage[Msg]) -> bytes:
        return await question.respond(message.body)

    broker.subscriber(question.subject, queue=service)(on_question)


async def _as_delivered(message: StreamMessage[Any]) -> StreamMessage[Any]:
    """FastStream would decode the body; what becomes of a body that is wrong is decided in ``settle``."""
    return message
