"""Does something with each of many, some at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

__all__ = ["for_each"]

_AT_ONCE: Final = 16

Given = TypeVar("Given")
Result = TypeVar("Result")


async def for_each(them: Sequence[Given], action: Callable[[Given], Awaitable[Result]]) -> list[Result]:
    """Call an action with each, some at a time, and return its results."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def limited(it: Given) -> Result:
        async with limit:
            return await action(it)

    return await asyncio.gather(*map(limited, them))
