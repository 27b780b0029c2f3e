"""Where the servers are reached: those of the local suite if one runs, else the configured ones."""

from perdure.local.state import read_endpoints
from perdure.settings import NatsSettings, Settings, TemporalSettings

__all__ = ["whereabouts"]


def whereabouts(settings: Settings) -> tuple[NatsSettings, TemporalSettings]:
    """Return how to reach NATS and Temporal."""
    endpoints = read_endpoints(settings.state) if settings.execution_engine == "local" else None
    if endpoints is None:
        return settings.nats, settings.temporal
    host, _, port = endpoints.temporal.rpartition(":")
    return (
        settings.nats.model_copy(update={"servers": (endpoints.nats,)}),
        settings.temporal.model_copy(update={"host": host, "port": int(port)}),
    )
