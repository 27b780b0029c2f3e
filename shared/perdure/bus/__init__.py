"""The message bus: the port, its JetStream and in-memory adapters, the topology and the settlement of messages."""

from perdure.bus.envelope import RawMessage, decode, encode
from perdure.bus.events import read_event, write_event
from perdure.bus.jetstream import NatsBus, NatsKeyValue, NatsObjects, connect
from perdure.bus.key_value import KeyValue
from perdure.bus.memory import MemoryBus, MemoryKeyValue, MemoryObjects
from perdure.bus.objects import Objects
from perdure.bus.port import Bus, Storage, StoredMessage

__all__ = [
    "Bus",
    "KeyValue",
    "MemoryBus",
    "MemoryKeyValue",
    "MemoryObjects",
    "NatsBus",
    "NatsKeyValue",
    "NatsObjects",
    "Objects",
    "RawMessage",
    "Storage",
    "StoredMessage",
    "connect",
    "decode",
    "encode",
    "read_event",
    "write_event",
]
