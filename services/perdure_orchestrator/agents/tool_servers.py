"""The MCP servers of the configuration; sessions with them are opened when needed, and again when broken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic_core import to_jsonable_python

from perdure.errors import PerdureError, Unavailable
from perdure.flow.steps import ToolAnswer, ToolRequest
from perdure.settings import HttpServer, StdioServer
from perdure_orchestrator.agents.session import Session

if TYPE_CHECKING:
    from mcp import MCPError
    from mcp.types import CallToolResult, Tool

__all__ = ["IDEMPOTENCY_KEY", "ToolRefused", "ToolServer", "ToolServers"]

IDEMPOTENCY_KEY: Final = "perdure/idempotency-key"
"""The ``_meta`` field of a tool call that is the same on every attempt, and different for every logical call."""

# How mcp's client words an HTTP 404 and every other HTTP error without a reason, and its server an unknown session. Not
# every server answers 404 to a session that it lost: Python's of 2025 answers 400.
_SESSION_LOST: Final = frozenset({"Session terminated", "Server returned an error response", "Session not found"})


class ToolRefused(PerdureError):
    """There is no such server or tool, or the server refuses the call as wrong: trying again will not help."""


class ToolServers:
    """All configured servers, by name."""

    def __init__(self, configured: Mapping[str, StdioServer | HttpServer]) -> None:
        self._servers = {name: ToolServer(name, where) for name, where in configured.items()}

    async def find(self, names: Sequence[str], tool: str) -> ToolServer:
        """Return the first of these servers that offers the tool.

        Raises:
            ToolRefused: None does; the sentence names the nearest tool.
        """
        offers = await self.offers(names)
        for server, tools in offers.items():
            if any(offered.name == tool for offered in tools):
                return server
        known = [offered.name for tools in offers.values() for offered in tools]
        raise ToolRefused(f"No tool is called {tool} on {', '.join(names) or 'no server'}{_nearest(tool, known)}")

    async def offers(self, names: Sequence[str]) -> dict[ToolServer, list[Tool]]:
        """Return what each of these servers offers.

        Raises:
            ToolRefused: A server is not configured.
        """
        for name in names:
            if name not in self._servers:
                raise ToolRefused(f"No MCP server is called {name}{_nearest(name, list(self._servers))}")
        return {self._servers[name]: await self._servers[name].tools() for name in names}

    async def close(self) -> None:
        """End all sessions."""
        for server in self._servers.values():
            await server.close()


class ToolServer:
    """One MCP server and at most one session with it."""

    def __init__(self, name: str, where: StdioServer | HttpServer) -> None:
        self.name = name
        self._where = where
        self._session: Session | None = None
        self._opening = asyncio.Lock()

    async def tools(self) -> list[Tool]:
        """Return the tools that the server offered when the session was opened."""
        return (await self._open()).tools

    async def call(self, request: ToolRequest, *, idempotency_key: str) -> ToolAnswer:
        """Call a tool; a failure that the tool itself tells is an answer, not an error.

        Raises:
            ToolRefused: The server says that the call is wrong.
            Unavailable: The server failed, or the session broke; then the next call opens another one.
        """
        from mcp import MCPError  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

        session = await self._open()
        meta: Any = {IDEMPOTENCY_KEY: idempotency_key}
        try:
            result = await session.client.call_tool(request.tool, request.arguments, meta=meta)
        except MCPError as error:
            meaning = _meaning(error)
            if meaning == "wrong call":
                raise ToolRefused(f"The server {self.name} refuses {request.tool}: {error}") from error
            if meaning == "broken session":
                await self._forget(session)
            raise Unavailable(f"The call of {request.tool} on {self.name} broke: {error}") from error
        except OSError as error:
            await self._forget(session)
            raise Unavailable(f"The MCP server {self.name} is out of reach: {error!r}") from error
        return _answer(request, result)

    async def close(self) -> None:
        """End the session, if there is one."""
        if self._session is not None:
            await self._forget(self._session)

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                self._session = await Session.open(self.name, self._where)
            return self._session

    async def _forget(self, session: Session) -> None:
        if self._session is session:
            self._session = None
        await session.close()


def _meaning(error: MCPError) -> Literal["broken session", "failed server", "wrong call"]:
    """Tell whose fault an error is; a code that we do not know is a refusal: else its call would be tried for ever."""
    from mcp.types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT  # noqa: PLC0415 (likewise)

    if error.code in {CONNECTION_CLOSED, REQUEST_TIMEOUT} or error.message in _SESSION_LOST:
        return "broken session"
    return "failed server" if error.code in {INTERNAL_ERROR, PARSE_ERROR} else "wrong call"


def _answer(request: ToolRequest, result: CallToolResult) -> ToolAnswer:
    return ToolAnswer(
        tool=request.tool,
        call_id=request.call_id,
        text="\n".join(part.text for part in result.content if part.type == "text"),
        structured=to_jsonable_python(result.structured_content),
        is_error=bool(result.is_error),
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f": did you mean {near[0]}?" if near else f"; there are: {', '.join(sorted(known)) or 'none'}"
