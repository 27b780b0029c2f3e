"""Mends text that UTF-8 cannot encode, in what MCP servers send and functions return.

A program that cuts a text between the halves of an emoji sends half of a surrogate pair. mcp's client then refuses the
whole message, and the call would be made again and again. Each such half becomes the replacement character; a control
character that stands in a JSON string as it is becomes its escape.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import httpx2

__all__ = ["mend_body", "mended_json", "mended_value"]

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # JSON has none of these outside of its strings
_LONGEST_LINE: Final = 64 * 1024 * 1024  # bytes; a longer one is passed on as it comes


def mended_json(line: bytes) -> bytes:
    """Return JSON text whose strings UTF-8 can encode."""
    if _HALF.search(line):
        line = _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], line)
    line = _CONTROL.sub(lambda found: b"\\u%04x" % ord(found[0]), line)
    return line.decode(errors="replace").encode()


def mended_value(value: Any) -> Any:
    """Return a JSON value whose strings UTF-8 can encode."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case dict():
            return {mended_value(name): mended_value(part) for name, part in value.items()}
        case list() | tuple():
            return [mended_value(part) for part in value]
    return value


async def mend_body(response: httpx2.Response) -> None:
    """Mend the body of a response as it is read, line by line: an event of a stream is a line."""
    inner = response.aiter_bytes
    vars(response)["aiter_bytes"] = lambda: _mended_lines(inner())


async def _mended_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        end = 1 + max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        parts.append(chunk[:end] if end else chunk)
        size += len(chunk)
        if end or size > _LONGEST_LINE:
            yield mended_json(b"".join(parts))
            parts = [chunk[end:]] if end else []
            size = len(chunk) - end if end else 0
    if rest := b"".join(parts):
        yield mended_json(rest)
