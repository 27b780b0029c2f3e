"""Answers that nobody reads. mcp's client reports those over HTTP as if the server or the connection had failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mcp import MCPError

__all__ = ["MOST_BYTES", "TOO_DEEP", "TOO_LONG", "unreadable"]

MOST_BYTES: Final = 32 * 1024 * 1024
"""The longest answer that is read: as one line of a process, as one event of a stream, or as a body."""

TOO_LONG: Final = f"its answer is longer than {MOST_BYTES >> 20} MiB, the most that is read of one"
TOO_DEEP: Final = "its answer is nested too deep to be read"
"""The messages of answers that Perdure does not read."""

_NO_JSON: Final = ("Failed to parse JSON response: ", "Failed to parse SSE message: ")
_BROKEN_OFF: Final = "SSE stream failed: "
_OF_PYDANTIC: Final = " [type="


def unreadable(error: MCPError) -> str | None:
    """Return why the client did not read an answer, in one line; None if the error is another one."""
    if error.message.startswith(_NO_JSON):
        first, *more = error.message.splitlines()
        reason = more[0] if more else first.partition(": ")[2]  # pydantic has its reason in the second line
        return reason.partition(_OF_PYDANTIC)[0].strip()
    is_too_long = error.message.startswith(_BROKEN_OFF) and "byte limit" in error.message
    return error.message if is_too_long or error.message in {TOO_LONG, TOO_DEEP} else None
