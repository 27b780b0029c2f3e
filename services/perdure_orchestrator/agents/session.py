"""One MCP session, held open by a task of its own: it must be closed by the task that opened it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import Refusals, is_unauthorized

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Prompt, Resource, Tool

__all__ = ["Server", "Session"]

Server = StdioServer | HttpServer | InProcessServer
"""Where a server is."""

_OPENED_WITHIN: Final = 30.0  # seconds; a first start of a server may have to compile its modules


class Session:
    """An open session and what its server offers."""

    def __init__(
        self, client: Client, tools: list[Tool], task: asyncio.Task[None], leave: asyncio.Event, refusals: Refusals
    ) -> None:
        self.client = client
        self.tools = tools
        self.refusals = refusals
        self._task = task
        self._leave = leave

    @classmethod
    async def open(cls, name: str, where: Server, keys: Redactor) -> Self:
        """Start or reach the server and ask for its tools.

        Args:
            name: The server's, for people.
            where: How to reach it.
            keys: Learns with what it is opened.

        Raises:
            Unavailable: The server does not come up.
            ApplicationError: It lets nobody in like this, or says when to come again.
        """
        refusals = Refusals()
        opened: asyncio.Future[tuple[Client, list[Tool]]] = asyncio.get_running_loop().create_future()
        leave = asyncio.Event()
        task = asyncio.create_task(
            _hold(_transport(name, where, keys, refusals), opened, leave), name=f"mcp session {name}"
        )
        both: set[asyncio.Future[Any]] = {task, opened}
        try:
            await asyncio.wait(both, timeout=_OPENED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await _ended(task)
            raise
        if opened.done():
            client, tools = opened.result()
            return cls(client, tools, task, leave, refusals)
        if task.done():
            error = _root(await _ended(task))
            if isinstance(error, ApplicationError):
                raise error
            words = keys.redact(f"The MCP server {name} does not start: {error!r}")
            raise refusals.meaning(name, opening=True) or Unavailable(words)
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


async def _hold(
    transport: AbstractAsyncContextManager[Any], opened: asyncio.Future[tuple[Client, list[Tool]]], leave: asyncio.Event
) -> None:
    from mcp import Client  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

    async with transport as way, Client(way) as client:
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


@asynccontextmanager
async def _transport(name: str, where: Server, keys: Redactor, refusals: Refusals) -> AsyncIterator[Any]:
    from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415 (likewise)
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 (likewise)
    from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415 (likewise)

    if isinstance(where, InProcessServer):
        yield where.server
    elif isinstance(where, StdioServer):
        env = {**where.env, **{variable: _variable(name, variable) for variable in where.env_from}}
        yield StdioServerParameters(command=where.command, args=list(where.args), env=env, cwd=where.cwd)
    else:
        token = _token(name, where)
        headers = None if token is None else {"Authorization": f"Bearer {keys.add(token)}"}
        async with create_mcp_http_client(headers=headers) as http:
            http.event_hooks = {"response": [refusals.hear]}
            yield streamable_http_client(where.url, http_client=http)


def _token(name: str, where: HttpServer) -> str | None:
    if where.token_file is None:
        return None if where.token_variable is None else _variable(name, where.token_variable)
    try:
        return where.token_file.read_text().strip()
    except OSError as error:
        raise is_unauthorized(name, f"its token_file cannot be read ({error})") from error


def _variable(name: str, variable: str) -> str:
    try:
        return os.environ[variable]
    except KeyError:
        raise is_unauthorized(name, f"the worker has no variable {variable}") from None


def _root(failed: BaseException | None) -> BaseException | None:
    """Find the one error inside the groups that anyio wraps around it."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
