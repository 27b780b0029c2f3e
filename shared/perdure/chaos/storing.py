"""Finds out whether NATS stores messages, by one in a stream of chaos' own."""

from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

__all__ = ["stores_messages"]

_STREAM: Final = StreamConfig(name="CHAOS", subjects=["chaos.stored"], max_msgs=1)


async def stores_messages(js: JetStreamContext) -> bool:
    """Return whether NATS stores a message now."""
    try:
        await js.add_stream(_STREAM)
        await js.publish("chaos.stored", b"")
    except (NatsError, OSError):
        return False
    return True
