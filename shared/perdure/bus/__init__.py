"""How services say and hear: the port, its NATS and in-memory adapters, the topology, and what becomes of errors."""

from perdure.bus.envelope import Wire, decode, encode
from perdure.bus.events import read_event, write_event
from perdure.bus.key_value import KeyValue, MemoryKeyValue
from perdure.bus.memory import MemoryBus
from perdure.bus.nats import NatsBus, connect
from perdure.bus.nats_key_value import NatsKeyValue
from perdure.bus.nats_objects import NatsObjects
from perdure.bus.objects import MemoryObjects, Objects
from perdure.bus.port import Bus, Heard

__all__ = [
    "Bus",
    "Heard",
    "KeyValue",
    "MemoryBus",
    "MemoryKeyValue",
    "MemoryObjects",
    "NatsBus",
    "NatsKeyValue",
    "NatsObjects",
    "Objects",
    "Wire",
    "connect",
    "decode",
    "encode",
    "read_event",
    "write_event",
]
