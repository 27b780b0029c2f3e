"""Answers over HTTP that mcp's client does not read. It reports them as if the server or the connection had failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mcp import MCPError

__all__ = ["unreadable"]

_NO_JSON: Final = ("Failed to parse JSON response: ", "Failed to parse SSE message: ")
_BROKEN_OFF: Final = "SSE stream failed: "


def unreadable(error: MCPError) -> str | None:
    """Return why the client did not read an answer, in one line; None if the error is another one."""
    if error.message.startswith(_NO_JSON):
        first, *more = error.message.splitlines()
        return (more[0] if more else first).strip()  # pydantic's errors have their reason in the second line
    is_too_long = error.message.startswith(_BROKEN_OFF) and "byte limit" in error.message
    return error.message if is_too_long else None
