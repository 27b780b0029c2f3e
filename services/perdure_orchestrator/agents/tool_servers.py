"""The MCP servers of the configuration; sessions with them are opened when needed, and again when broken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic_core import to_jsonable_python

from perdure.errors import PerdureError, Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.session import Server, Session

if TYPE_CHECKING:
    from mcp import MCPError
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult, Prompt, Resource, Tool

__all__ = ["IDEMPOTENCY_KEY", "ToolRefused", "ToolServer", "ToolServers"]

Answer = TypeVar("Answer")
Tell = Callable[[str], Awaitable[None]]

IDEMPOTENCY_KEY: Final = "perdure/idempotency-key"
"""The ``_meta`` field of a tool call that is the same on every attempt, and different for every logical call."""

# How mcp's client words an HTTP 404 and every other HTTP error without a reason, and its server an unknown session. Not
# every server answers 404 to a session that it lost: Python's of 2025 answers 400.
_SESSION_LOST: Final = frozenset({"Session terminated", "Server returned an error response", "Session not found"})


class ToolRefused(PerdureError):
    """There is no such server or tool, or the server refuses the call as wrong: trying again will not help."""


class ToolServers:
    """All configured servers, by name."""

    def __init__(self, configured: Mapping[str, Server]) -> None:
        self._servers = {name: ToolServer(name, where) for name, where in configured.items()}

    async def find(self, names: Sequence[str], tool: str) -> tuple[ToolServer, Tool]:
        """Return the first of these servers that offers the tool, and the tool.

        Raises:
            ToolRefused: None does; the sentence names the nearest tool.
        """
        offers = await self.offers(names)
        if tool not in offers:
            offers = await self.offers(names, anew=True)  # a server may have learnt it since its session began
        if tool in offers:
            return offers[tool]
        raise ToolRefused(f"No tool is called {tool} on {', '.join(names) or 'no server'}{nearest(tool, offers)}")

    async def offers(self, names: Sequence[str], *, anew: bool = False) -> dict[str, tuple[ToolServer, Tool]]:
        """Return the tools of these servers by name; of equal names the first server's.

        Raises:
            ToolRefused: A server is not configured.
        """
        offers: dict[str, tuple[ToolServer, Tool]] = {}
        for server in self.named(names):
            for tool in await server.tools(anew=anew):
                offers.setdefault(tool.name, (server, tool))
        return offers

    def named(self, names: Sequence[str]) -> list[ToolServer]:
        """Return these servers.

        Raises:
            ToolRefused: One is not configured; the sentence names the nearest.
        """
        for name in names:
            if name not in self._servers:
                raise ToolRefused(f"No MCP server is called {name}{nearest(name, self._servers)}")
        return [self._servers[name] for name in names]

    async def close(self) -> None:
        """End all sessions."""
        for server in self._servers.values():
            await server.close()


class ToolServer:
    """One MCP server and at most one session with it."""

    def __init__(self, name: str, where: Server) -> None:
        self.name = name
        self._where = where
        self._session: Session | None = None
        self._keys = Redactor()
        self._opening = asyncio.Lock()

    async def tools(self, *, anew: bool = False) -> list[Tool]:
        """Return the tools that the server offers, as it said when the session was opened or, anew, as it says now."""
        session = await self._open()
        if anew:
            session.tools = await self._asked(session, "tools/list", session.list_tools())
        return session.tools

    async def resources(self) -> list[Resource]:
        """Return the resources that the server lists."""
        session = await self._open()
        return await self._asked(session, "resources/list", session.list_resources())

    async def read(self, uri: str) -> list[Any]:
        """Return the contents of a resource."""
        session = await self._open()
        return list((await self._asked(session, uri, session.client.read_resource(uri))).contents)

    async def prompts(self) -> list[Prompt]:
        """Return the prompts that the server lists."""
        session = await self._open()
        return await self._asked(session, "prompts/list", session.list_prompts())

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[Any]:
        """Return the messages of a prompt, filled in."""
        session = await self._open()
        return list((await self._asked(session, name, session.client.get_prompt(name, arguments))).messages)

    async def call(self, request: ToolRequest, *, idempotency_key: str, tell: Tell | None = None) -> ToolResult:
        """Call a tool; a failure that the tool itself tells is an answer, not an error.

        Args:
            request: The tool and its arguments by name.
            idempotency_key: The same for every attempt of a logical call.
            tell: Is given what the tool says of its progress.

        Raises:
            ToolRefused: The server says that the call is wrong.
            Unavailable: The server failed, or the session broke; then the next call opens another one.
            ApplicationError: The server lets nobody in like this, or says when to come again.
        """
        session = await self._open()
        meta: Any = {IDEMPOTENCY_KEY: idempotency_key}
        calling = session.client.call_tool(
            request.tool,
            request.arguments,
            read_timeout_seconds=self._where.call_timeout.total_seconds(),
            progress_callback=None if tell is None else _progress(tell, self._keys),
            meta=meta,
        )
        answer = _answer(request, await self._asked(session, request.tool, calling))
        return ToolResult.model_validate(self.redact(answer.model_dump()))

    def redact(self, value: Any) -> Any:
        """Return a JSON value of the server's in which no key of the worker's occurs."""
        return self._keys.redact_json(value)

    async def _asked(self, session: Session, what: str, answer: Awaitable[Answer]) -> Answer:
        """Wait for an answer of the server, and tell whose fault it is if there is none."""
        from mcp import MCPError  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

        try:
            return await answer
        except MCPError as error:  # goes no further as a cause either: it would be recorded, with all keys
            if refused := session.refusals.meaning(self.name):
                if refused.non_retryable:
                    await self._forget(session)  # the token may be another when somebody calls again
                raise refused from None
            meaning, words = _meaning(error), self._keys.redact(str(error))
            if meaning == "wrong call":
                raise ToolRefused(f"The server {self.name} refuses {what}: {words}") from None
            if meaning == "broken session":
                await self._forget(session)
            raise Unavailable(f"The call of {what} on {self.name} broke: {words}") from None
        except OSError as error:
            await self._forget(session)
            raise Unavailable(f"The MCP server {self.name} is out of reach: {error!r}") from error

    async def close(self) -> None:
        """End the session, if there is one."""
        if self._session is not None:
            await self._forget(self._session)

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                self._session = await Session.open(self.name, self._where, self._keys)
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


def _progress(tell: Tell, keys: Redactor) -> ProgressFnT:
    async def heard(progress: float, total: float | None, message: str | None) -> None:
        done = f"{progress:g} of {total:g}" if total else f"{progress:g}"
        await tell(keys.redact(f"{message} ({done})" if message else done))

    return heard


def _answer(request: ToolRequest, result: CallToolResult) -> ToolResult:
    texts: list[str] = []
    other: list[Any] = []
    for part in result.content:
        found = to_jsonable_python(part, by_alias=True, exclude_none=True)
        inner = found.get("resource", found)
        if "text" in inner:
            texts.append(inner["text"])
        elif request.call_id:
            about = inner.get("uri") or inner.get("mimeType", "")
            texts.append(f"({part.type} {about}: only programs can use it)")
        else:
            other.append(found)
    return ToolResult(
        tool=request.tool,
        call_id=request.call_id,
        text="\n".join(texts),
        other=tuple(other),
        structured=to_jsonable_python(result.structured_content),
        is_error=bool(result.is_error),
    )
