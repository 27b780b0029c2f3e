"""One event is one trace, however many times it is delivered."""

import asyncio

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, Tracer
from prometheus_client import CollectorRegistry

from perdure.bus import RawMessage, StoredMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    """The tracer of the bus and of the publisher."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = provider.get_tracer("test")
    monkeypatch.setattr("perdure.bus.jetstream.consumer_span._tracer", tracer)
    return tracer


async def test_a_redelivery_has_a_linked_trace_and_its_handler_publishes_in_the_events_trace(
    nats_settings: NatsSettings, tracer: Tracer, spans: InMemorySpanExporter
) -> None:
    with tracer.start_as_current_span("publish") as publishing:
        headers: dict[str, str] = {}
        propagate.inject(headers)
    handler_spans = await handle_twice(nats_settings, headers)

    publisher = publishing.get_span_context()
    first, second = consumer_spans(spans)
    assert [span.trace_id for span in handler_spans] == [publisher.trace_id] * 2
    assert (first.trace_id, handler_spans[0].span_id) == (publisher.trace_id, first.span_id)
    assert second.trace_id != publisher.trace_id
    assert handler_spans[1].span_id == publisher.span_id
    redelivery = span_of(spans, second)
    assert [link.context.span_id for link in redelivery.links] == [publisher.span_id]
    assert (redelivery.parent, (redelivery.attributes or {})["messaging.nats.deliveries"]) == (None, 2)


@pytest.mark.usefixtures("tracer")
async def test_each_delivery_of_a_message_without_a_trace_begins_one(
    nats_settings: NatsSettings, spans: InMemorySpanExporter
) -> None:
    handler_spans = await handle_twice(nats_settings, {})

    assert [span.span_id for span in handler_spans] == [span.span_id for span in consumer_spans(spans)]


async def handle_twice(settings: NatsSettings, headers: dict[str, str]) -> list[SpanContext]:
    """Publish a message that is handled at its second delivery; returns the current span of each handler call."""
    handler_spans: list[SpanContext] = []
    done = asyncio.Event()

    async def handle(_: StoredMessage) -> None:
        handler_spans.append(trace.get_current_span().get_span_context())
        if len(handler_spans) == 1:
            raise Unavailable("not yet")
        done.set()

    app = App("ingest", [Subscription("EVENTS", handle)])
    async with connect(settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "ingest")
        async with subscribed(app, bus, settings, CollectorRegistry()), asyncio.timeout(10):
            await bus.publish_raw(RawMessage("events.a", b"{}", headers))
            await done.wait()
    return handler_spans


def consumer_spans(spans: InMemorySpanExporter) -> list[SpanContext]:
    """Return the spans of the deliveries, in their order."""
    found = [span for span in spans.get_finished_spans() if span.name == "ingest receives EVENTS"]
    contexts = [span.context for span in sorted(found, key=lambda span: span.start_time or 0)]
    return [context for context in contexts if context is not None]


def span_of(spans: InMemorySpanExporter, context: SpanContext) -> ReadableSpan:
    return next(span for span in spans.get_finished_spans() if span.context == context)
