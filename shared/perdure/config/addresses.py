"""Where servers are if nothing else is configured."""

from typing import Final

__all__ = ["NATS_URL"]

NATS_URL: Final = "nats://127.0.0.1:4222"
