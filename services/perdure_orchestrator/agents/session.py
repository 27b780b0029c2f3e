"""One MCP session, held open by a task of its own: it must be closed by the task that opened it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, Self

from perdure.errors import Unavailable
from perdure.settings import HttpServer, StdioServer
from perdure_orchestrator.agents.in_process import InProcessServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Prompt, Resource, Tool

__all__ = ["Server", "Session"]

Server = StdioServer | HttpServer | InProcessServer
"""Where a server is."""

_OPENED_WITHIN: Final = 30.0  # seconds; a first start of a server may have to compile its modules


class Session:
    """An open session and what its server offers."""

    def __init__(self, client: Client, tools: list[Tool], task: asyncio.Task[None], leave: asyncio.Event) -> None:
        self.client = client
        self.tools = tools
        self._task = task
        self._leave = leave

    @classmethod
    async def open(cls, name: str, where: Server) -> Self:
        """Start or reach the server and ask for its tools.

        Raises:
            Unavailable: The server does not come up.
        """
        opened: asyncio.Future[tuple[Client, list[Tool]]] = asyncio.get_running_loop().create_future()
        leave = asyncio.Event()
        task = asyncio.create_task(_hold(where, opened, leave), name=f"mcp session {name}")
        both: set[asyncio.Future[Any]] = {task, opened}
        try:
            await asyncio.wait(both, timeout=_OPENED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await _ended(task)
            raise
        if opened.done():
            client, tools = opened.result()
            return cls(client, tools, task, leave)
        if task.done():
            raise Unavailable(f"The MCP server {name} does not start: {_root(await _ended(task))!r}")
        task.cancel()
        await _ended(task)
        raise Unavailable(f"The MCP server {name} does not start within {_OPENED_WITHIN:g} s")

    async def list_tools(self) -> list[Tool]:
        """Ask for all tools, however many pages they fill."""
        return await _all(self.client.list_tools, "tools")

    async def list_resources(self) -> list[Resource]:
        """Ask for all resources; a server that has none may not know the question."""
        known = self.client.server_capabilities.resources is not None
        return await _all(self.client.list_resources, "resources") if known else []

    async def list_prompts(self) -> list[Prompt]:
        """Ask for all prompts; likewise."""
        known = self.client.server_capabilities.prompts is not None
        return await _all(self.client.list_prompts, "prompts") if known else []

    async def close(self) -> None:
        """End the session and wait until the server is gone; how a broken one ends is of no interest any more."""
        self._leave.set()
        await _ended(self._task)


async def _hold(where: Server, opened: asyncio.Future[tuple[Client, list[Tool]]], leave: asyncio.Event) -> None:
    from mcp import Client  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(await _transport(where, stack)))
        opened.set_result((client, await _all(client.list_tools, "tools")))
        await leave.wait()


async def _all(ask: Callable[..., Awaitable[Any]], what: str) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await ask(cursor=cursor, cache_mode="refresh")
        found += getattr(page, what)
        if (cursor := page.next_cursor) is None:
            return found


async def _ended(task: asyncio.Task[None]) -> BaseException | None:
    """Wait until the server is gone and return what it ended with; a caller that is cancelled does not hurry it."""
    await asyncio.wait({task})
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _transport(where: Server, stack: AsyncExitStack) -> Any:
    from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415 (likewise)
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 (likewise)
    from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415 (likewise)

    if isinstance(where, InProcessServer):
        return where.server
    if isinstance(where, StdioServer):
        env = {**where.env, **{name: _variable(name) for name in where.env_from}}
        return StdioServerParameters(command=where.command, args=list(where.args), env=env, cwd=where.cwd)
    token = _token(where)
    if token is None:
        return where.url
    authorised = create_mcp_http_client(headers={"Authorization": f"Bearer {token}"})
    return streamable_http_client(where.url, http_client=await stack.enter_async_context(authorised))


def _token(where: HttpServer) -> str | None:
    if where.token_file is not None:
        return where.token_file.read_text().strip()
    return _variable(where.token_variable) if where.token_variable is not None else None


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise OSError(f"the worker has no variable {name}") from None


def _root(failed: BaseException | None) -> BaseException | None:
    """Find the one error inside the groups that anyio wraps around it."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
