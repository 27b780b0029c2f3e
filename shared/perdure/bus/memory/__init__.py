"""The in-memory twin of the bus: what tests and authors use instead of a NATS server."""

from perdure.bus.memory.bus import MemoryBus
from perdure.bus.memory.key_value import MemoryKeyValue
from perdure.bus.memory.objects import MemoryObjects

__all__ = ["MemoryBus", "MemoryKeyValue", "MemoryObjects"]
