"""Notes of the runs that wait for an MCP server which takes long to start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from perdure.runtime.background import background

__all__ = ["NotePublisher", "PublishNote", "starting_notes"]

PublishNote = Callable[[str], Awaitable[None]]
"""Publishes a note of the running step."""

NotePublisher = Callable[[], PublishNote | None]
"""Returns how to publish notes of the running step; None outside of a step."""

_FIRST: Final = 3.0  # seconds; most servers are up by then
_EVERY: Final = 10.0  # seconds


@asynccontextmanager
async def starting_notes(publish: PublishNote | None, sentence: Callable[[], str]) -> AsyncIterator[None]:
    """Publish the sentence again and again for as long as the block waits for the server."""
    if publish is None:
        yield
        return
    async with background(_publish(publish, sentence)):
        yield


async def _publish(publish: PublishNote, sentence: Callable[[], str]) -> None:
    await asyncio.sleep(_FIRST)
    while True:
        await publish(sentence())
        await asyncio.sleep(_EVERY)
