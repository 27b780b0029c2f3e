"""The bus, key-value and object adapters on NATS JetStream."""

from perdure.bus.jetstream.bus import NatsBus
from perdure.bus.jetstream.connecting import connect
from perdure.bus.jetstream.key_value import NatsKeyValue
from perdure.bus.jetstream.objects import NatsObjects

__all__ = ["NatsBus", "NatsKeyValue", "NatsObjects", "connect"]
