"""In-memory adapters of the bus, for tests and workflow authors: no NATS server is needed."""

from perdure.bus.memory.bus import MemoryBus
from perdure.bus.memory.key_value import MemoryKeyValue
from perdure.bus.memory.objects import MemoryObjects

__all__ = ["MemoryBus", "MemoryKeyValue", "MemoryObjects"]
