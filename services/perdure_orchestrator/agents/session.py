"""One MCP session, held open by a task of its own, because the task that opened a session must also close it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from temporalio.exceptions import ApplicationError

from perdure.config.settings import HttpServer, StdioServer
from perdure.errors import Unavailable
from perdure_orchestrator.agents.broken_text import mend_body
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.agents.last_words import LastWords
from perdure_orchestrator.agents.list_changes import ListChanges
from perdure_orchestrator.agents.odd_listings import mended
from perdure_orchestrator.agents.pages import Pages, all_pages
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import HttpErrors, unusable_server
from perdure_orchestrator.agents.server_keys import server_headers, server_variables

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Prompt, Resource, Tool

__all__ = ["MOST_EVENT_BYTES", "ServerConfig", "Session"]

ServerConfig = StdioServer | HttpServer | InProcessServer
"""The configuration of one MCP server."""

MOST_EVENT_BYTES: Final = 32 * 1024 * 1024
"""The longest answer that is read from a server over HTTP, as one event of a stream."""

_RESPONDS_WITHIN: Final = 5.0  # seconds; a server that works on another call still lists its tools
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Observed:
    """What a session's errors do not say themselves."""

    http_errors: HttpErrors
    words: LastWords


class Session:
    """An open session and the tools that its server offers.

    Attributes:
        tools: As the server listed them last.
        lists_without_end: Whether it did not end that list.
        calls: How many are in flight.
    """

    def __init__(
        self,
        opened: tuple[Client, Pages],
        changes: ListChanges,
        task: asyncio.Task[None],
        closing: asyncio.Event,
        http_errors: HttpErrors,
    ) -> None:
        self.client, pages = opened
        self.tools: list[Tool] = pages.items
        self.lists_without_end = not pages.has_end
        self._changes = changes
        self.http_errors = http_errors
        self.calls = 0
        self._task = task
        self._closing = closing

    @classmethod
    async def open(cls, name: str, config: ServerConfig, redactor: Redactor, folder: Path) -> Self:
        """Start or reach the server and list its tools.

        Args:
            name: The server's name, for error messages.
            config: How to start or reach it.
            redactor: Receives the server's token.
            folder: The folder of the server's process: neither the project's nor the worker's.

        Raises:
            Unavailable: The server does not start, or not in time.
            ApplicationError: It refuses access, or names the time of the next attempt.
        """
        observed = _Observed(HttpErrors(), LastWords(redactor))
        changes = ListChanges()
        opened: asyncio.Future[tuple[Client, Pages]] = asyncio.get_running_loop().create_future()
        closing = asyncio.Event()
        task = asyncio.create_task(
            _hold(_transport(name, config, redactor, observed, folder), opened, closing, changes),
            name=f"mcp session {name}",
        )
        either: set[asyncio.Future[Any]] = {task, opened}
        within = config.start_timeout.total_seconds()
        try:
            await asyncio.wait(either, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await _wait_ended(task)
            raise
        if opened.done():
            return cls(opened.result(), changes, task, closing, observed.http_errors)
        if task.done():
            error = _single_error(await _wait_ended(task))
            if isinstance(error, ApplicationError):
                raise error
            if isinstance(error, OSError) and isinstance(config, StdioServer):
                raise unusable_server(name, f"its command cannot be executed ({error})")
            reason = f"{redactor.redact(repr(error))}{observed.words.sentence()}"
            message = f"The MCP server {name} does not start: {reason}"
            raise observed.http_errors.to_error(name, opening=True) or Unavailable(message)
        task.cancel()
        await _wait_ended(task)
        advice = f"If it needs longer, set mcp.servers.{name}.start_timeout"
        words = observed.words.sentence()
        raise Unavailable(f"The MCP server {name} does not start within {within:g} s{words}. {advice}")

    async def list_tools(self) -> None:
        """List all tools again, across all pages."""
        self._changes.listing()
        pages = await all_pages(self.client.list_tools, "tools")
        self.tools, self.lists_without_end = pages.items, not pages.has_end

    async def list_changed_tools(self) -> None:
        """List the tools again if they may have changed; a server that is busy keeps those that it listed before."""
        if not self._changes.may_differ:
            return
        try:
            async with asyncio.timeout(_RESPONDS_WITHIN):
                await self.list_tools()
        except TimeoutError:
            _log.info("an MCP server does not list its tools now: those that it listed before count")

    async def list_resources(self) -> list[Resource]:
        """List all resources; none if the server lacks the capability, because then it may not know the method."""
        supported = self.client.server_capabilities.resources is not None
        return (await all_pages(self.client.list_resources, "resources")).items if supported else []

    async def list_prompts(self) -> list[Prompt]:
        """List all prompts; none if the server lacks the capability."""
        supported = self.client.server_capabilities.prompts is not None
        return (await all_pages(self.client.list_prompts, "prompts")).items if supported else []

    async def responds(self) -> bool:
        """Return whether the server answers another request soon."""
        try:
            async with asyncio.timeout(_RESPONDS_WITHIN):
                await self.client.list_tools(cache_mode="refresh")
        except Exception:  # noqa: BLE001 (whatever it is, the server did not answer)
            return False
        return True

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a call while the block lasts."""
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1

    async def close(self) -> None:
        """End the session and wait until the server is gone; an error on the way is ignored."""
        self._closing.set()
        await _wait_ended(self._task)


async def _hold(
    transport: AbstractAsyncContextManager[Any],
    opened: asyncio.Future[tuple[Client, Pages]],
    closing: asyncio.Event,
    changes: ListChanges,
) -> None:
    from mcp import Client  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

    async with transport as connection, Client(connection, message_handler=changes.receive) as client:
        opened.set_result((client, await all_pages(client.list_tools, "tools")))
        async with changes.subscribed(client):
            await closing.wait()


async def _wait_ended(task: asyncio.Task[None]) -> BaseException | None:
    """Wait until the task has ended and return its error; cancelling the caller does not cancel the task."""
    await asyncio.wait({task})
    return asyncio.CancelledError() if task.cancelled() else task.exception()


@asynccontextmanager
async def _transport(
    name: str, config: ServerConfig, redactor: Redactor, observed: _Observed, folder: Path
) -> AsyncIterator[Any]:
    from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415 (a slow import)
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 (likewise)
    from mcp.shared._httpx_utils import create_mcp_http_client  # noqa: PLC0415 (likewise)

    if isinstance(config, InProcessServer):
        yield config.server
    elif isinstance(config, StdioServer):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = {"HOME": str(folder.resolve())}
        env = {**home, **config.env, **server_variables(name, config, redactor)}
        process = StdioServerParameters(
            command=config.command,
            args=list(config.args),
            env=env,
            cwd=config.cwd or folder,
            encoding_error_handler="replace",
        )
        async with observed.words.recorded() as errors:
            yield mended(stdio_client(process, errlog=errors))
    else:
        async with create_mcp_http_client(headers=server_headers(name, config, redactor)) as http:
            http.event_hooks = {"response": [observed.http_errors.record, mend_body]}
            yield mended(streamable_http_client(config.url, http_client=http, max_sse_event_size=MOST_EVENT_BYTES))


def _single_error(error: BaseException | None) -> BaseException | None:
    """Return the one error inside the groups that anyio wraps around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
