"""What MCP servers offer beside tools: resources to read and prompts to fill in."""

from typing import Any

from perdure.flow.tools import Toolbox, ask_servers

__all__ = ["Prompts", "Resources"]


class Resources:
    """The resources of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def read(self, uri: str) -> list[dict[str, Any]]:
        """Return the contents of a resource: each has its ``uri`` and a ``text`` or a ``blob`` (base64)."""
        return await ask_servers(self._box, "resource", uri)

    async def list(self) -> list[dict[str, Any]]:
        """Return what there is to read, each with its ``server``."""
        return await ask_servers(self._box, "resources")


class Prompts:
    """The prompts of an agent's servers, in MCP's own JSON."""

    def __init__(self, box: Toolbox) -> None:
        self._box = box

    async def get(self, name: str, **arguments: str) -> list[dict[str, Any]]:
        """Return the messages of a prompt, filled in: each has its ``role`` and ``content``."""
        return await ask_servers(self._box, "prompt", name, arguments)

    async def list(self) -> list[dict[str, Any]]:
        """Return what prompts there are, each with its ``server``."""
        return await ask_servers(self._box, "prompts")
