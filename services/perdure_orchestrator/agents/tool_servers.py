"""The configured MCP servers. A session is opened on first use, and again after it broke."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic_core import to_jsonable_python

from perdure.config.project import DEFAULT_STATE
from perdure.errors import PerdureError, Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure.values.nearest import nearest
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_folder import SERVER_FOLDERS
from perdure_orchestrator.agents.session import ServerConfig, Session

if TYPE_CHECKING:
    from mcp import MCPError
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult, Prompt, Resource, Tool

__all__ = ["IDEMPOTENCY_KEY", "ToolRefused", "ToolServer", "ToolServers"]

Result = TypeVar("Result")
PublishNote = Callable[[str], Awaitable[None]]

IDEMPOTENCY_KEY: Final = "perdure/idempotency-key"
"""The ``_meta`` field of a tool call that is the same on every attempt, and different for every logical call."""

# Messages of mcp's client for an HTTP 404 and for every other HTTP error without a reason, and of its server for an
# unknown session. Not every server answers 404 to a session that it lost: the Python SDK of 2025 answers 400.
_SESSION_LOST: Final = frozenset({"Session terminated", "Server returned an error response", "Session not found"})


class ToolRefused(PerdureError):
    """The server or tool does not exist, or the server refuses the call as wrong: not retried."""


class ToolServers:
    """All configured servers, by name.

    Args:
        configured: How to start or reach each.
        folders: Where each process gets a folder of its own, which is its home and, by default, where it is started.
    """

    def __init__(self, configured: Mapping[str, ServerConfig], folders: Path = DEFAULT_STATE / SERVER_FOLDERS) -> None:
        self._servers = {name: ToolServer(name, config, folders / name) for name, config in configured.items()}

    async def find(self, names: Sequence[str], tool: str) -> tuple[ToolServer, Tool]:
        """Return the tool, and the first of these servers that offers it.

        Raises:
            ToolRefused: No server offers it; the message names the nearest tool.
        """
        offers = await self.tools_by_name(names)
        if tool not in offers:
            offers = await self.tools_by_name(names, refresh=True)  # a server may have added it since its session began
        if tool in offers:
            return offers[tool]
        raise ToolRefused(f"No tool is called {tool} on {', '.join(names) or 'no server'}{nearest(tool, offers)}")

    async def tools_by_name(self, names: Sequence[str], *, refresh: bool = False) -> dict[str, tuple[ToolServer, Tool]]:
        """Return the tools of these servers by name; if several have one of that name, the first server's.

        Raises:
            ToolRefused: A server is not configured.
        """
        offers: dict[str, tuple[ToolServer, Tool]] = {}
        for server in self.named(names):
            for tool in await server.tools(refresh=refresh):
                offers.setdefault(tool.name, (server, tool))
        return offers

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
        for server in self._servers.values():
            await server.close()


class ToolServer:
    """One MCP server, with at most one open session."""

    def __init__(self, name: str, config: ServerConfig, folder: Path) -> None:
        self.name = name
        self._folder = folder
        self._config = config
        self._session: Session | None = None
        self._redactor = Redactor()
        self._opening = asyncio.Lock()

    async def tools(self, *, refresh: bool = False) -> list[Tool]:
        """Return the tools as listed when the session was opened, or listed again with ``refresh``."""
        session = await self._open()
        if refresh:
            session.tools = await self._result(session, "tools/list", session.list_tools())
        return session.tools

    async def resources(self) -> list[Resource]:
        """Return the resources that the server lists."""
        session = await self._open()
        return await self._result(session, "resources/list", session.list_resources())

    async def read(self, uri: str) -> list[Any]:
        """Return the contents of a resource."""
        session = await self._open()
        return list((await self._result(session, uri, session.client.read_resource(uri))).contents)

    async def prompts(self) -> list[Prompt]:
        """Return the prompts that the server lists."""
        session = await self._open()
        return await self._result(session, "prompts/list", session.list_prompts())

    async def prompt(self, name: str, arguments: dict[str, str]) -> list[Any]:
        """Return the messages of a prompt, with its arguments filled in."""
        session = await self._open()
        return list((await self._result(session, name, session.client.get_prompt(name, arguments))).messages)

    async def call(
        self, request: ToolRequest, *, idempotency_key: str, publish_note: PublishNote | None = None
    ) -> ToolResult:
        """Call a tool. A failure that the tool itself reports is a result, not an error.

        Args:
            request: The tool and its arguments by name.
            idempotency_key: The same for every attempt of a logical call.
            publish_note: Receives the tool's progress notifications as text.

        Raises:
            ToolRefused: The server refuses the call as wrong.
            Unavailable: The server failed or the session broke; the next call opens another session if necessary.
            ApplicationError: The server refuses access, or names the time of the next attempt.
        """
        session = await self._open()
        meta: Any = {IDEMPOTENCY_KEY: idempotency_key}
        call = session.client.call_tool(
            request.tool,
            request.arguments,
            read_timeout_seconds=self._config.call_timeout.total_seconds(),
            progress_callback=None if publish_note is None else _on_progress(publish_note, self._redactor),
            meta=meta,
        )
        result = _tool_result(request, await self._result(session, request.tool, call))
        return ToolResult.model_validate(self.redact(result.model_dump()))

    def redact(self, value: Any) -> Any:
        """Return a JSON value from the server with the worker's keys masked."""
        return self._redactor.redact_json(value)

    async def _result(self, session: Session, what: str, pending: Awaitable[Result]) -> Result:
        """Wait for the server's result, or raise an error by who is at fault, the caller or the server."""
        from mcp import MCPError  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

        try:
            return await pending
        except MCPError as error:  # never a cause of another error: Temporal would record it, with all keys
            if http_error := session.http_errors.to_error(self.name):
                if http_error.non_retryable:
                    await self._forget(session)  # the next session reads the token again, which may have changed
                raise http_error from None
            kind, text = _kind(error), self._redactor.redact(str(error))
            if kind == "wrong call":
                raise ToolRefused(f"The server {self.name} refuses {what}: {text}") from None
            if kind == "broken session":
                await self._forget(session)
            raise Unavailable(f"The call of {what} on {self.name} broke: {text}") from None
        except OSError as error:
            await self._forget(session)
            raise Unavailable(f"The MCP server {self.name} is unreachable: {error!r}") from error

    async def close(self) -> None:
        """End the session, if there is one."""
        if self._session is not None:
            await self._forget(self._session)

    async def _open(self) -> Session:
        async with self._opening:
            if self._session is None:
                self._session = await Session.open(self.name, self._config, self._redactor, self._folder)
            return self._session

    async def _forget(self, session: Session) -> None:
        if self._session is session:
            self._session = None
        await session.close()


def _kind(error: MCPError) -> Literal["broken session", "failed server", "wrong call"]:
    """Classify an error. An unknown code counts as a wrong call, because otherwise it would be retried for ever."""
    from mcp.types import CONNECTION_CLOSED, INTERNAL_ERROR, PARSE_ERROR, REQUEST_TIMEOUT  # noqa: PLC0415 (a slow import)

    if error.code in {CONNECTION_CLOSED, REQUEST_TIMEOUT} or error.message in _SESSION_LOST:
        return "broken session"
    return "failed server" if error.code in {INTERNAL_ERROR, PARSE_ERROR} else "wrong call"


def _on_progress(publish_note: PublishNote, redactor: Redactor) -> ProgressFnT:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        done = f"{progress:g} of {total:g}" if total else f"{progress:g}"
        await publish_note(redactor.redact(f"{message} ({done})" if message else done))

    return on_progress


def _tool_result(request: ToolRequest, result: CallToolResult) -> ToolResult:
    texts: list[str] = []
    other: list[Any] = []
    for part in result.content:
        content = to_jsonable_python(part, by_alias=True, exclude_none=True)
        inner = content.get("resource", content)
        if "text" in inner:
            texts.append(inner["text"])
        elif request.call_id:
            description = inner.get("uri") or inner.get("mimeType", "")
            texts.append(f"({part.type} {description}: only programs can use it)")
        else:
            other.append(content)
    return ToolResult(
        tool=request.tool,
        call_id=request.call_id,
        text="\n".join(texts),
        other=tuple(other),
        structured=to_jsonable_python(result.structured_content),
        is_error=bool(result.is_error),
    )
