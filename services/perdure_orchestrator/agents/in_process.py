"""An MCP server inside the worker's process, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

__all__ = ["InProcessServer"]


@dataclass(frozen=True, slots=True)
class InProcessServer:
    """A server object in place of a configured server."""

    server: MCPServer
    call_timeout: timedelta = timedelta(minutes=5)
    start_timeout: timedelta = timedelta(minutes=2)
    requires_approval: tuple[str, ...] = ()
    session: Literal["shared", "run"] | None = None
    session_idle: timedelta = timedelta(minutes=15)
    max_sessions: int = 20
