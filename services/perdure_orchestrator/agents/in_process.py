"""An MCP server that lives in the worker's own process: what tests give to agents in place of real ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

__all__ = ["InProcessServer"]


@dataclass(frozen=True, slots=True)
class InProcessServer:
    """Stands where a configured server would."""

    server: MCPServer
    call_timeout: timedelta = timedelta(minutes=5)
    requires_approval: tuple[str, ...] = ()
