"""Reads a stream from its newest message backwards, in bounded windows."""

from collections.abc import AsyncGenerator
from typing import Final

from perdure.bus.port import ReadableStreams, StoredMessage

__all__ = ["newest_headers"]

_FIRST_WINDOW: Final = 256  # sequences
_LARGEST_WINDOW: Final = 8_192


async def newest_headers(
    bus: ReadableStreams, subject: str, *, before: int | None = None
) -> AsyncGenerator[StoredMessage]:
    """Yield the matching messages of one stream without their bodies, newest first.

    Args:
        bus: The bus.
        subject: A subject or pattern of one stream.
        before: Only messages with a lower sequence than this.
    """
    oldest, newest = await bus.first(subject), await bus.last(subject)
    if oldest is None or newest is None:
        return
    high = newest.sequence if before is None else min(newest.sequence, before - 1)
    size = _FIRST_WINDOW
    while high >= oldest.sequence:
        low = max(high - size + 1, oldest.sequence)
        window = [message async for message in bus.read_range(subject, first=low, last=high, bodies=False)]
        for message in reversed(window):
            yield message
        high, size = low - 1, min(2 * size, _LARGEST_WINDOW)
