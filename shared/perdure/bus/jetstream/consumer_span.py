"""The span of a message that is heard: one event is one trace, however often it is delivered."""

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
def consumer_span(name: str, heard: StoredMessage, deliveries: int) -> Iterator[None]:
    """Record the handling of a message for as long as the block lasts.

    The first delivery is a part of the event's trace. Another one is a trace of its own, linked to the publisher's
    span: it would be a second node for the same hop. What is said meanwhile belongs to the event's trace in both cases.
    """
    said_in = propagate.extract(heard.raw.headers)
    attributes = {"messaging.system": "nats", "messaging.destination.name": heard.raw.subject}
    publisher = trace.get_current_span(said_in).get_span_context()
    if deliveries > 1 and publisher.is_valid:
        with _again(name, said_in, Link(publisher), {**attributes, "messaging.nats.deliveries": deliveries}):
            yield
    else:
        with _tracer.start_as_current_span(name, said_in, kind=SpanKind.CONSUMER, attributes=attributes):
            yield


@contextmanager
def _again(name: str, said_in: Context, link: Link, attributes: Mapping[str, str | int]) -> Iterator[None]:
    span = _tracer.start_span(name, Context(), kind=SpanKind.CONSUMER, attributes=attributes, links=[link])
    token = context.attach(said_in)
    try:
        yield
    finally:
        context.detach(token)
        span.end()
