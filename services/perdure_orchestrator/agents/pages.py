"""Lists of MCP servers, which come in pages."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Pages", "all_pages"]

_MOST_PAGES: Final = 1_000
_LONGEST: Final = 30.0  # seconds; a server whose list never ends must not use up its start_timeout


@dataclass(slots=True)
class Pages:
    """The items of a list.

    Attributes:
        has_end: Whether the server ended the list, instead of naming a page that came before or page after page.
    """

    items: list[Any] = field(default_factory=list)
    has_end: bool = True


async def all_pages(list_page: Callable[..., Awaitable[Any]], attribute: str) -> Pages:
    """List all pages, up to a cursor that is empty or came before: some servers end so, or never."""
    pages, cursor, seen = Pages(), None, set[str]()
    clock = asyncio.get_running_loop().time
    deadline = clock() + _LONGEST
    while True:
        page = await list_page(cursor=cursor, cache_mode="refresh")
        pages.items += getattr(page, attribute)
        cursor = page.next_cursor
        if not cursor:
            return pages
        if cursor in seen or len(seen) == _MOST_PAGES or clock() > deadline:
            pages.has_end = False
            return pages
        seen.add(cursor)
