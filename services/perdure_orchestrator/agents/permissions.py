"""The tools that each agent may use; an agent that the configuration does not name may use all that servers offer."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from perdure.config.agents import AgentSettings
from perdure.errors import PerdureError

__all__ = ["NotAllowed", "ToolPermissions"]


class NotAllowed(PerdureError):
    """The configuration forbids the agent this tool: not retried."""


class ToolPermissions:
    """The operator's permissions, checked when a tool is offered and again when it is called."""

    def __init__(self, agents: Mapping[str, AgentSettings], marked: Mapping[str, tuple[str, ...]]) -> None:
        self._agents = agents
        self._marked = marked  # by server: patterns of tools that need an approval, whichever agent calls them

    def allows(self, agent: str, tool: str) -> bool:
        """Return whether the agent may use the tool at all."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.allow_tools, tool) and not _any(settings.deny_tools, tool)

    def check(self, agent: str, tool: str) -> None:
        """Raise unless the agent may use the tool.

        Raises:
            NotAllowed: It may not.
        """
        if not self.allows(agent, tool):
            raise NotAllowed(f"The agent {agent} may not use {tool}: see agents in perdure.yaml")

    def needs_approval(self, agent: str, tool: str, server: str = "") -> bool:
        """Return whether each call of the tool needs an approval; a function has no server."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.requires_approval, tool) or _any(self._marked.get(server, ()), tool)


def _any(patterns: tuple[str, ...], tool: str) -> bool:
    return any(fnmatchcase(tool, pattern) for pattern in patterns)
