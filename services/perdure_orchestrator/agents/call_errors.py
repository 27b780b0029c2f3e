"""Who is at fault for the error of a call to an MCP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from perdure_orchestrator.agents.unreadable import unreadable

if TYPE_CHECKING:
    from mcp import MCPError

__all__ = ["is_answer", "kind_of"]

# Messages of mcp's client for an HTTP 404 and for every other HTTP error without a reason, and of its server for an
# unknown session. Not every server answers 404 to a session that it lost: the Python SDK of 2025 answers 400.
_SESSION_LOST: Final = frozenset({"Session terminated", "Server returned an error response", "Session not found"})


def is_answer(error: MCPError) -> bool:
    """Return whether the server answered this call, so that the session's last HTTP error may be its answer."""
    from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT  # noqa: PLC0415 (a slow import)

    return error.code not in {CONNECTION_CLOSED, REQUEST_TIMEOUT}


def kind_of(error: MCPError) -> Literal["broken session", "timeout", "failed server", "wrong call", "no result"]:
    """Classify an error. An unknown code counts as a wrong call, because otherwise it would be retried for ever."""
    from mcp.types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT  # noqa: PLC0415 (a slow import)

    if unreadable(error):
        return "no result"  # it answered, so that another attempt would repeat the effect
    if error.code == CONNECTION_CLOSED or error.message in _SESSION_LOST:
        return "broken session"
    if error.code == REQUEST_TIMEOUT:
        return "timeout"  # mcp's client has cancelled the request
    return "failed server" if error.code in {INTERNAL_ERROR, PARSE_ERROR} else "wrong call"
