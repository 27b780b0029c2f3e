"""Asks JetStream until it answers: an earlier fault may have left it busy."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

__all__ = ["asked"]

Answer = TypeVar("Answer")

_RETRY_AFTER: Final = 0.2  # seconds


async def asked(question: Callable[[], Awaitable[Answer]]) -> Answer | None:
    """Return the answer, or None if what it is about does not exist."""
    while True:
        try:
            return await question()
        except NotFoundError:
            return None
        except (NatsError, OSError):
            await asyncio.sleep(_RETRY_AFTER)
