"""The tools that each agent may use; an agent that the configuration does not name may use all that servers offer."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from perdure.config.agents import AgentSettings
from perdure.errors import PerdureError

__all__ = ["NotAllowed", "ToolPermissions"]


class NotAllowed(PerdureError):
    """The configuration forbids the agent this tool: not retried."""


class ToolPermissions:
    """The operator's permissions, checked when a tool is offered and again when it is called.

    A function has one name. A server's tool has two, ``<tool>`` and ``<server>__<tool>``, whichever servers are up: a
    pattern that matches one of them matches the tool.
    """

    def __init__(self, agents: Mapping[str, AgentSettings], marked: Mapping[str, tuple[str, ...]]) -> None:
        self._agents = agents
        self._marked = marked  # by server: patterns of tools that need an approval, whichever agent calls them

    def allows(self, agent: str, *names: str) -> bool:
        """Return whether the agent may use the tool with these names at all."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.allow_tools, names) and not _any(settings.deny_tools, names)

    def check(self, agent: str, *names: str) -> None:
        """Raise unless the agent may use the tool with these names.

        Raises:
            NotAllowed: It may not.
        """
        if not self.allows(agent, *names):
            raise NotAllowed(f"The agent {agent} may not use {names[0]}: see agents in perdure.yaml")

    def needs_approval(self, agent: str, *names: str, server: str = "") -> bool:
        """Return whether each call of the tool needs an approval; a function has no server."""
        settings = self._agents.get(agent, AgentSettings())
        return _any(settings.requires_approval, names) or _any(self._marked.get(server, ()), names)


def _any(patterns: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)
