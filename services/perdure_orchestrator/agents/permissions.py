"""Which tools an agent may use, as the operator says it; whoever is not named may use what its servers offer."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from perdure.config.agents import AgentSettings
from perdure.errors import PerdureError

__all__ = ["NotAllowed", "ToolPermissions"]


class NotAllowed(PerdureError):
    """The operator does not let the agent use the tool: trying again will not help."""


class ToolPermissions:
    """Looked at when a tool is offered, and again when it is called."""

    def __init__(self, agents: Mapping[str, AgentSettings], marked: Mapping[str, tuple[str, ...]]) -> None:
        self._agents = agents
        self._marked = marked  # by server: patterns of tools that need an approval, whoever calls them

    def allows(self, agent: str, tool: str) -> bool:
        """Tell whether the agent may use the tool at all."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.allow_tools, tool) and not _any(settings.deny_tools, tool)

    def check(self, agent: str, tool: str) -> None:
        """Make sure that the agent may use the tool.

        Raises:
            NotAllowed: It may not.
        """
        if not self.allows(agent, tool):
            raise NotAllowed(f"The agent {agent} may not use {tool}: see agents in perdure.yaml")

    def needs_approval(self, agent: str, tool: str, server: str = "") -> bool:
        """Tell whether somebody must approve each call of a server's tool, or of a function, which has no server."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.requires_approval, tool) or _any(self._marked.get(server, ()), tool)


def _any(patterns: tuple[str, ...], tool: str) -> bool:
    return any(fnmatchcase(tool, pattern) for pattern in patterns)
