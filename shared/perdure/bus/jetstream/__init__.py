"""The NATS adapter of the bus."""

from perdure.bus.jetstream.bus import NatsBus, connect
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.jetstream.objects import NatsObjects

__all__ = ["NatsBus", "NatsKeyValue", "NatsObjects", "connect"]
