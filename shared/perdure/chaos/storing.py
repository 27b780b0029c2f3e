"""Finds out whether NATS stores messages, by one in a stream of chaos' own."""

from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig

from perdure.connections.nats import inbox_prefix

__all__ = ["stores_messages"]

_SUBJECT: Final = f"{inbox_prefix('operator')}.chaos"  # the operator may publish to its own inbox
_STREAM: Final = StreamConfig(name="CHAOS", subjects=[_SUBJECT], max_msgs=1)


async def stores_messages(js: JetStreamContext) -> bool:
    """Return whether NATS stores a message now."""
    try:
        await js.add_stream(_STREAM)
        await js.publish(_SUBJECT, b"")
    except (NatsError, OSError):
        return False
    return True
