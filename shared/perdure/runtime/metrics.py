"""The metrics of a process in one answer: its own counts, and what it looks up when it is asked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, make_asgi_app
from prometheus_client.registry import Collector

from perdure.telemetry.catalogue import SOURCES

__all__ = ["MetricSource", "metrics_app"]

MetricSource = Callable[[], Awaitable[Iterable[Metric]]]
"""Looks something up, such as the state of a stream, and returns it as metrics."""

_ANSWERS_WITHIN: Final = 2.0  # seconds; Prometheus waits ten

_log = logging.getLogger(__name__)


def metrics_app(
    registry: CollectorRegistry, sources: Mapping[str, MetricSource]
) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """Return an ASGI app that answers with the metrics of a registry and of sources.

    A source that fails or is late is left out, and ``perdure_metric_source_up`` is 0 for it: the others do not suffer.

    Args:
        registry: What the process counts.
        sources: Sources by name, some of which may be added later.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found = await asyncio.gather(*(_look_up(name, source) for name, source in list(sources.items())))
        up = SOURCES.gauge()
        for name, families in found:
            up.add_metric([name], 0 if families is None else 1)
        answer = CollectorRegistry()
        answer.register(registry)
        answer.register(_Found([*(it for _, families in found for it in families or ()), up]))
        await make_asgi_app(answer)(scope, receive, send)

    return app


async def _look_up(name: str, source: MetricSource) -> tuple[str, list[Metric] | None]:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            return name, list(await source())
    except Exception as error:  # noqa: BLE001 (the boundary: metrics of other sources are answered in any case)
        _log.warning("the metrics of %s cannot be read now: %r", name, error)
        return name, None


class _Found(Collector):
    """Metrics that were looked up."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics
