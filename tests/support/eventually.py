"""Waits for a fact, and returns it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")


async def eventually(look: Callable[[], Awaitable[Found | None]], *, within: float = 30) -> Found:
    """Look until something true is found.

    Args:
        look: Returns what was found.
        within: Seconds after which the test fails.
    """
    async with asyncio.timeout(within):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found
