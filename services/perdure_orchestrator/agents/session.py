"""One MCP session, held open by a task of its own, because the task that opened a session must also close it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from perdure.config.settings import StdioServer
from perdure.errors import Unavailable
from perdure_orchestrator.agents.list_changes import ListChanges
from perdure_orchestrator.agents.pages import Pages, all_pages
from perdure_orchestrator.agents.plain_errors import opening_error, plain_text
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_errors import HttpErrors
from perdure_orchestrator.agents.server_folder import ServerFolder
from perdure_orchestrator.agents.server_transports import Observed, ServerConfig, transport

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Prompt, Resource, Tool

__all__ = ["SESSION_CAPABILITY", "Session"]

SESSION_CAPABILITY: Final = "perdure/session"
"""The experimental capability of a server that keeps state; its value is ``{"scope": "run"}``."""

_RESPONDS_WITHIN: Final = 5.0  # seconds; a server that works on another call still lists its tools
_log = logging.getLogger(__name__)


class Session:
    """An open session and the tools that its server offers.

    Attributes:
        tools: As the server listed them last.
        lists_without_end: Whether it did not end that list.
        fits_a_run: Whether a run can have it to itself: no process of it stands in the folder that all sessions share.
        calls: How many are in flight.
    """

    def __init__(  # noqa: PLR0913 (its parts)
        self,
        opened: tuple[Client, Pages],
        changes: ListChanges,
        task: asyncio.Task[None],
        closing: asyncio.Event,
        observed: Observed,
        *,
        fits_a_run: bool,
    ) -> None:
        self.client, pages = opened
        self.tools: list[Tool] = pages.items
        self.lists_without_end = not pages.has_end
        self._changes = changes
        self._observed = observed
        self.fits_a_run = fits_a_run
        self.calls = 0
        self._task = task
        self._closing = closing

    @property
    def declares_state(self) -> bool:
        """Whether the server says, by an experimental capability, that each run needs a session of its own."""
        experimental = self.client.server_capabilities.experimental or {}
        return experimental.get(SESSION_CAPABILITY, {}).get("scope") == "run"

    @property
    def http_errors(self) -> HttpErrors:
        """The server's last HTTP error."""
        return self._observed.http_errors

    async def why_broken(self, error: BaseException) -> str:
        """Return why a call broke: how the server's process ended, or what the error says."""
        return await self._observed.own_end() or plain_text(error, self._observed)

    def plain_text(self, error: BaseException) -> str:
        """Return an error of this session as one line."""
        return plain_text(error, self._observed)

    @classmethod
    async def open(
        cls, name: str, config: ServerConfig, redactor: Redactor, folder: ServerFolder, observed: Observed
    ) -> Self:
        """Start or reach the server and list its tools.

        Args:
            name: The server's name, for error messages.
            config: How to start or reach it.
            redactor: Receives the server's token.
            folder: The folder of the server's process: neither the project's nor the worker's.
            observed: Receives what happens.

        Raises:
            Unavailable: The server does not start, or not in time.
            ApplicationError: It refuses access, or names the time of the next attempt.
        """
        changes = ListChanges()
        opened: asyncio.Future[tuple[Client, Pages]] = asyncio.get_running_loop().create_future()
        closing = asyncio.Event()
        task = asyncio.create_task(
            _hold(transport(name, config, redactor, observed, folder), opened, closing, changes),
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
            fits_a_run = folder.passes or not isinstance(config, StdioServer)
            return cls(opened.result(), changes, task, closing, observed, fits_a_run=fits_a_run)
        if task.done():
            error = await _wait_ended(task) or RuntimeError("its session ended")
            raise await opening_error(name, config, error, observed, redactor)
        task.cancel()
        await _wait_ended(task)
        advice = f"If it needs longer, set mcp.servers.{name}.start_timeout"
        words = observed.words.sentence()
        raise Unavailable(f"The MCP server {name} does not start within {within:g} s{words}. {advice}")

    async def list_tools(self) -> None:
        """List all tools again, across all pages."""
        self._changes.listing()
        try:
            pages = await all_pages(self.client.list_tools, "tools")
        except BaseException:
            self._changes.not_listed()
            raise
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
    connecting: AbstractAsyncContextManager[Any],
    opened: asyncio.Future[tuple[Client, Pages]],
    closing: asyncio.Event,
    changes: ListChanges,
) -> None:
    from mcp import Client  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

    async with connecting as connection, Client(connection, message_handler=changes.receive) as client:
        opened.set_result((client, await all_pages(client.list_tools, "tools")))
        async with changes.subscribed(client):
            await closing.wait()


async def _wait_ended(task: asyncio.Task[None]) -> BaseException | None:
    """Wait until the task has ended and return its error; cancelling the caller does not cancel the task."""
    await asyncio.wait({task})
    return asyncio.CancelledError() if task.cancelled() else task.exception()
