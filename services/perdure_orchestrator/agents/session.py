"""One MCP session, held open by a task of its own: it must be closed by the task that opened it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from perdure.errors import Unavailable
from perdure.settings import HttpServer, StdioServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

__all__ = ["Session"]

_OPENED_WITHIN: Final = 30.0  # seconds; a first start of a server may have to compile its modules


class Session:
    """An open session and what its server offers."""

    def __init__(self, client: Client, tools: list[Tool], task: asyncio.Task[None], leave: asyncio.Event) -> None:
        self.client = client
        self.tools = tools
        self._task = task
        self._leave = leave

    @classmethod
    async def open(cls, name: str, where: StdioServer | HttpServer) -> Self:
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

    async def close(self) -> None:
        """End the session and wait until the server is gone; how a broken one ends is of no interest any more."""
        self._leave.set()
        await _ended(self._task)


async def _hold(
    where: StdioServer | HttpServer, opened: asyncio.Future[tuple[Client, list[Tool]]], leave: asyncio.Event
) -> None:
    from mcp import Client  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

    async with Client(_transport(where)) as client:
        opened.set_result((client, list((await client.list_tools()).tools)))
        await leave.wait()


async def _ended(task: asyncio.Task[None]) -> BaseException | None:
    """Wait until the server is gone and return what it ended with; a caller that is cancelled does not hurry it."""
    await asyncio.wait({task})
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _transport(where: StdioServer | HttpServer) -> Any:
    from mcp.client.stdio import StdioServerParameters  # noqa: PLC0415 (likewise)

    if isinstance(where, HttpServer):
        return where.url
    return StdioServerParameters(command=where.command, args=list(where.args), env=where.env, cwd=where.cwd)


def _root(failed: BaseException | None) -> BaseException | None:
    """Find the one error inside the groups that anyio wraps around it."""
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
