"""Bodies of HTTP responses, up to a length: of mcp's client only the events of streams have one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from perdure_orchestrator.agents.unreadable import TOO_LONG

if TYPE_CHECKING:
    import httpx2

__all__ = ["bound_body"]


def bound_body(most: int) -> Callable[[httpx2.Response], Awaitable[None]]:
    """Return a hook that ends the reading of a body after so many bytes, unless it is a stream of events."""

    async def bound(response: httpx2.Response) -> None:
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            inner = response.aiter_bytes
            vars(response)["aiter_bytes"] = lambda: _bounded(inner(), most)

    return bound


async def _bounded(chunks: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    import httpx2  # noqa: PLC0415 (as slow as mcp's client, which loads it)

    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise httpx2.StreamError(TOO_LONG)  # what mcp's client takes for an answer that it cannot read
        yield chunk
