"""The tools that an agent may use: its functions, and what its servers offer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from perdure.flow.messages import FunctionTool
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.tool_server import ToolServer
from perdure_orchestrator.agents.tool_servers import Offers, names_of

if TYPE_CHECKING:
    from mcp.types import Tool

__all__ = ["usable_tools"]


def usable_tools(
    agent: str, functions: Iterable[FunctionTool], offers: Offers, permissions: ToolPermissions
) -> dict[str, FunctionTool | tuple[ToolServer, Tool]]:
    """Return the tools by the name to call; a function takes precedence over a server's tool of its name."""
    own = {function.name: function for function in functions}
    functions_allowed = {name: function for name, function in own.items() if permissions.allows(agent, name)}
    return functions_allowed | {
        name: (server, tool)
        for name, (server, tool) in offers.tools.items()
        if name not in own and permissions.allows(agent, *names_of(server, tool))
    }
