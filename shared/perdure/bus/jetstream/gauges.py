"""The state of JetStream's consumers and streams, as metrics under the names of the public exporter.

Source of the names: https://github.com/nats-io/prometheus-nats-exporter, ``collector/jsz.go``.
"""

import asyncio
from collections.abc import Iterable

from nats.js import JetStreamContext
from nats.js.api import StreamInfo
from prometheus_client import Metric

from perdure.bus.app import App
from perdure.bus.topology import STREAMS
from perdure.config.nats import NatsSettings
from perdure.telemetry.catalogue import (
    CONSUMER_ACK_PENDING,
    CONSUMER_PENDING,
    CONSUMER_REDELIVERED,
    STREAM_BYTES,
    STREAM_LIMIT,
    STREAM_MESSAGES,
    STREAM_REPLICAS_LOST,
)

__all__ = ["JetStreamGauges"]


class JetStreamGauges:
    """Asks the server for the state of consumers and streams.

    Args:
        js: JetStream context.
        app: The service; its consumers are asked for.
        settings: The configured sizes of streams.
    """

    def __init__(self, js: JetStreamContext, app: App, settings: NatsSettings) -> None:
        self._js = js
        self._service = app.service
        self._consumed = sorted({it.stream for it in app.subscriptions})
        self._limits = settings.stream_limits

    async def consumers(self) -> Iterable[Metric]:
        """Return the state of the service's consumers.

        Raises:
            NatsError: The server does not answer.
        """
        gauges = pending, ack_pending, redelivered = (
            CONSUMER_PENDING.gauge(),
            CONSUMER_ACK_PENDING.gauge(),
            CONSUMER_REDELIVERED.gauge(),
        )
        asked = (self._js.consumer_info(stream, self._service) for stream in self._consumed)
        for stream, found in zip(self._consumed, await asyncio.gather(*asked), strict=True):
            labels = [stream, self._service]
            pending.add_metric(labels, found.num_pending or 0)
            ack_pending.add_metric(labels, found.num_ack_pending or 0)
            redelivered.add_metric(labels, found.num_redelivered or 0)
        return gauges

    async def streams(self) -> Iterable[Metric]:
        """Return the state of all streams; one service is enough to do so.

        Raises:
            NatsError: The server does not answer.
        """
        gauges = messages, size, limit, lost = (
            STREAM_MESSAGES.gauge(),
            STREAM_BYTES.gauge(),
            STREAM_LIMIT.gauge(),
            STREAM_REPLICAS_LOST.gauge(),
        )
        for name, found in zip(STREAMS, await asyncio.gather(*map(self._js.stream_info, STREAMS)), strict=True):
            messages.add_metric([name], found.state.messages)
            size.add_metric([name], found.state.bytes)
            lost.add_metric([name], _replicas_lost(found))
            bound, kept = found.config.max_bytes or -1, STREAMS[name].kept(self._limits.get(name))
            limit.add_metric([name], bound if bound > 0 else kept.max_bytes)
        return gauges


def _replicas_lost(found: StreamInfo) -> int:
    replicas = [] if found.cluster is None else found.cluster.replicas or []
    return sum(bool(it.offline) or not it.current for it in replicas)
