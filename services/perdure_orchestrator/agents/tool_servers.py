"""The configured MCP servers, and which of them offers a tool."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from temporalio.exceptions import ApplicationError

from perdure.config.project import DEFAULT_STATE
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_folder import SERVER_FOLDERS
from perdure_orchestrator.agents.server_transports import ServerConfig
from perdure_orchestrator.agents.session_slot import ServerAccess
from perdure_orchestrator.agents.starting_notes import NotePublisher
from perdure_orchestrator.agents.tool_server import ToolRefused, ToolServer

if TYPE_CHECKING:
    from mcp.types import Tool

__all__ = ["AmbiguousTool", "Offers", "ToolServers", "names_of"]

_BETWEEN: Final = "__"  # server and tool, where several servers have a tool of one name


class AmbiguousTool(ToolRefused):
    """Several servers offer a tool of this name. A program's call waits until that changes; a model calls another."""


def names_of(server: ToolServer, tool: Tool) -> tuple[str, str]:
    """Return both names of a server's tool: its own, and the one that no other server's tool has."""
    return tool.name, f"{server.name}{_BETWEEN}{tool.name}"


@dataclass(frozen=True, slots=True)
class Offers:
    """What several servers offer.

    Attributes:
        tools: Server and tool by the name to call; where several servers have a tool of one name, ``<server>__<tool>``.
        ambiguous: By such a name of several servers: the names to call instead.
        qualified: Server and tool by ``<server>__<tool>``, always.
        failed: Why a server cannot tell, by its name.
    """

    tools: dict[str, tuple[ToolServer, Tool]]
    ambiguous: dict[str, list[str]]
    qualified: dict[str, tuple[ToolServer, Tool]]
    failed: dict[str, Exception]

    @classmethod
    def of(cls, found: Sequence[tuple[ToolServer, Tool]], failed: dict[str, Exception]) -> Self:
        """Name the tools; a server that lists one twice offers it once, and one that fails what it listed last."""
        names = defaultdict[str, dict[str, None]](dict)
        for server, tool in found:
            name, qualified = names_of(server, tool)
            names[name][qualified] = None
        ambiguous = {name: [*several] for name, several in names.items() if len(several) > 1}
        tools: dict[str, tuple[ToolServer, Tool]] = {}
        all_qualified: dict[str, tuple[ToolServer, Tool]] = {}
        for server, tool in found:
            if server.name not in failed:
                name, qualified = names_of(server, tool)
                tools.setdefault(qualified if name in ambiguous else name, (server, tool))
                all_qualified.setdefault(qualified, (server, tool))
        return cls(tools, ambiguous, all_qualified, failed)

    def find(self, name: str) -> tuple[ToolServer, Tool] | None:
        """Return what the name means, if it means one tool."""
        return self.tools.get(name) or self.qualified.get(name)

    def failure(self) -> Exception | None:
        """Return why a server cannot tell, if one cannot; first what may pass."""
        return min(self.failed.values(), key=_is_permanent, default=None)


class ToolServers:
    """All configured servers, by name.

    Args:
        configured: How to start or reach each.
        folders: Where each process gets a folder of its own, which is its home and, by default, where it is started.
        redactor: Masks the worker's keys in whatever a server sends.
        notes: How a step that waits for a server publishes notes.
    """

    def __init__(
        self,
        configured: Mapping[str, ServerConfig],
        folders: Path = DEFAULT_STATE / SERVER_FOLDERS,
        redactor: Redactor | None = None,
        notes: NotePublisher = lambda: None,
    ) -> None:
        shared = redactor or Redactor()
        self._servers = {
            name: ToolServer(ServerAccess(name, config, folders / name, shared, notes))
            for name, config in configured.items()
        }

    async def find(self, names: Sequence[str], tool: str) -> tuple[ToolServer, Tool]:
        """Return the tool, and the server of these that offers it. A server that fails hides no tool of another.

        Raises:
            ToolRefused: No server offers it, or several do; the message names what to call instead.
            Unavailable: A server that may offer it does not answer.
            ApplicationError: A server that may offer it cannot be used, or is busy.
        """
        if (server := self._known(names, tool)) and (found := (await self.offers((server.name,))).find(tool)):
            return found  # without the others, which may take long to start
        offers = await self.offers(names)
        if offers.find(tool) is None:
            offers = await self.offers(names, refresh=True)  # a server may have added it since its session began
        if found := offers.find(tool):
            return found
        if tool in offers.ambiguous:
            several = " or ".join(offers.ambiguous[tool])
            raise AmbiguousTool(f"Several servers offer {tool}: call {several} instead")
        if failure := offers.failure():
            raise failure
        known = offers.tools
        raise ToolRefused(f"No tool is called {tool} on {', '.join(names) or 'no server'}{nearest(tool, known)}")

    def _known(self, names: Sequence[str], tool: str) -> ToolServer | None:
        """Return which server has the tool, if all servers that may have it have listed their tools before."""
        servers = self.named(names)
        offers = Offers.of([(server, it) for server in servers for it in server.last_list or ()], {})
        all_listed = all(server.last_list is not None for server in servers)
        found = offers.find(tool) if all_listed else offers.qualified.get(tool)
        return found and found[0]

    async def offers(self, names: Sequence[str], *, refresh: bool = False) -> Offers:
        """Return what these servers offer.

        Raises:
            ToolRefused: A server is not configured.
        """
        servers = self.named(names)
        lists = await asyncio.gather(*(server.tools(refresh=refresh) for server in servers), return_exceptions=True)
        failed: dict[str, Exception] = {}
        found: list[tuple[ToolServer, Tool]] = []
        for server, listed in zip(servers, lists, strict=True):
            if isinstance(listed, Exception):
                failed[server.name] = listed
            elif isinstance(listed, BaseException):
                raise listed
            found += [(server, tool) for tool in server.last_list or ()]
        return Offers.of(found, failed)

    def named(self, names: Sequence[str]) -> list[ToolServer]:
        """Return the servers with these names.

        Raises:
            ToolRefused: One is not configured; the message names the nearest.
        """
        for name in names:
            if name not in self._servers:
                raise ToolRefused(f"No MCP server is called {name}{nearest(name, self._servers)}")
        return [self._servers[name] for name in names]

    async def close(self) -> None:
        """End all sessions."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))  # a stubborn one takes seconds


def _is_permanent(error: Exception) -> bool:
    return isinstance(error, ApplicationError) and error.non_retryable
