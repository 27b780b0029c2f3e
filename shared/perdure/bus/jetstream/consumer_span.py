"""The consumer span of a delivery: one event is one trace, however many times it is delivered."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind

from perdure.bus.port import StoredMessage

__all__ = ["consumer_span"]

_tracer: Final = trace.get_tracer("perdure.bus")


@contextmanager
def consumer_span(name: str, message: StoredMessage, deliveries: int) -> Iterator[None]:
    """Record a span for the duration of the block.

    The span of the first delivery belongs to the event's trace. A redelivery has a trace of its own, linked to the
    publisher's span, because it would be a second node for the same hop. Messages that are published within the block
    belong to the event's trace in both cases.
    """
    # Header names are read in any case: Go's propagator writes `Traceparent`.
    publisher_context = propagate.extract({name.lower(): value for name, value in message.raw.headers.items()})
    attributes = {"messaging.system": "nats", "messaging.destination.name": message.raw.subject}
    publisher = trace.get_current_span(publisher_context).get_span_context()
    if deliveries > 1 and publisher.is_valid:
        with _redelivery_span(
            name, publisher_context, Link(publisher), {**attributes, "messaging.nats.deliveries": deliveries}
        ):
            yield
    else:
        with _tracer.start_as_current_span(name, publisher_context, kind=SpanKind.CONSUMER, attributes=attributes):
            yield


@contextmanager
def _redelivery_span(
    name: str, publisher_context: Context, link: Link, attributes: Mapping[str, str | int]
) -> Iterator[None]:
    span = _tracer.start_span(name, Context(), kind=SpanKind.CONSUMER, attributes=attributes, links=[link])
    token = context.attach(publisher_context)
    try:
        yield
    finally:
        context.detach(token)
        span.end()
