"""One configured MCP server. A session is opened on first use, and again after it broke."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from temporalio.exceptions import ApplicationError

from perdure.errors import PerdureError, Unavailable
from perdure.flow.messages import ToolRequest, ToolResult
from perdure.flow.server_session import ServerSession
from perdure_orchestrator.agents.call_errors import is_answer, kind_of
from perdure_orchestrator.agents.calling_run import CallingRun
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.run_sessions import RunSessions
from perdure_orchestrator.agents.session import Session
from perdure_orchestrator.agents.session_slot import ServerAccess, SessionSlot
from perdure_orchestrator.agents.starting_notes import PublishNote
from perdure_orchestrator.agents.tool_results import tool_result
from perdure_orchestrator.agents.unreadable import unreadable

if TYPE_CHECKING:
    from mcp.shared.dispatcher import ProgressFnT
    from mcp.types import CallToolResult, Prompt, Resource, Tool

__all__ = ["IDEMPOTENCY_KEY", "ToolRefused", "ToolServer"]

Result = TypeVar("Result")

_LISTING: Final = "tools/list"

IDEMPOTENCY_KEY: Final = "perdure/idempotency-key"
"""The ``_meta`` field of a tool call that is the same on every attempt, and different for every logical call."""


class ToolRefused(PerdureError):
    """The server or tool does not exist, or the server refuses the call as wrong: not retried."""


class ToolServer:
    """One MCP server.

    Attributes:
        last_list: The tools that it listed last, also when it does not answer any more; None before the first list.
        lists_without_end: Whether it did not end that list.
    """

    def __init__(self, access: ServerAccess) -> None:
        self.name = access.name
        self._config = access.config
        self._redactor = access.redactor
        self._access = access
        self._shared = SessionSlot(access)
        self._runs = RunSessions(
            access.name, self._slot_of_run, most=access.config.max_sessions, idle=access.config.session_idle
        )
        self._declares_state = False
        self.last_list: list[Tool] | None = None
        self.lists_without_end = False

    @property
    def keeps_state(self) -> bool:
        """Whether each run has a session of its own."""
        return self._config.session == "run" or (self._config.session is None and self._declares_state)

    async def tools(self, *, refresh: bool = False) -> list[Tool]:
        """Return the tools as listed when a session was opened, again if they may have changed or with ``refresh``."""
        if self.keeps_state and self.last_list is not None and not refresh:
            return self.last_list  # another session would be another process

        async def listed(session: Session) -> list[Tool]:
            await (session.list_tools() if refresh else session.list_changed_tools())
            self.last_list, self.lists_without_end = session.tools, session.lists_without_end
            return session.tools

        return await self._answer(self._shared, _LISTING, listed)

    async def resources(self, run: CallingRun | None = None) -> list[Resource]:
        """Return the resources that the server lists."""
        return await self._ask(run, "resources/list", lambda session: session.list_resources())

    async def read(self, uri: str, run: CallingRun | None = None) -> list[Any]:
        """Return the contents of a resource."""
        return list((await self._ask(run, uri, lambda session: session.client.read_resource(uri))).contents)

    async def prompts(self, run: CallingRun | None = None) -> list[Prompt]:
        """Return the prompts that the server lists."""
        return await self._ask(run, "prompts/list", lambda session: session.list_prompts())

    async def prompt(self, name: str, arguments: dict[str, str], run: CallingRun | None = None) -> list[Any]:
        """Return the messages of a prompt, with its arguments filled in."""
        return list((await self._ask(run, name, lambda session: session.client.get_prompt(name, arguments))).messages)

    async def call(
        self,
        request: ToolRequest,
        tool: str,
        *,
        idempotency_key: str,
        publish_note: PublishNote | None = None,
        run: CallingRun | None = None,
    ) -> ToolResult:
        """Call a tool. A failure that the tool itself reports is a result, not an error.

        Args:
            request: The tool's arguments by name.
            tool: Its name on this server.
            idempotency_key: The same for every attempt of a logical call.
            publish_note: Receives the tool's progress notifications as text.
            run: Whose call it is: of a server that keeps state, each has a session of its own.

        Raises:
            SessionLost: The session in which the run has worked is gone; the call was not made.
            ToolRefused: The server refuses the call as wrong.
            Unavailable: The server failed or the session broke; the next call opens another session if necessary.
            ApplicationError: The server refuses access, or names the time of the next attempt.
        """
        meta: Any = {IDEMPOTENCY_KEY: idempotency_key}

        def call(session: Session) -> Awaitable[CallToolResult]:
            return session.client.call_tool(
                tool,
                request.arguments,
                read_timeout_seconds=self._config.call_timeout.total_seconds(),
                progress_callback=None if publish_note is None else _on_progress(publish_note, self._redactor),
                meta=meta,
            )

        async with self._slot(run) as (slot, session):
            result = tool_result(request, await self._answer(slot, tool, call))
        redacted = ToolResult.model_validate(self.redact(result.model_dump()))
        return redacted if session is None else redacted.model_copy(update={"session": session})

    def redact(self, value: Any) -> Any:
        """Return a JSON value from the server with the worker's keys masked."""
        return self._redactor.redact_json(value)

    @asynccontextmanager
    async def _slot(self, run: CallingRun | None) -> AsyncIterator[tuple[SessionSlot, ServerSession | None]]:
        """Yield where a request of a run belongs, and the session that is the run's own."""
        if not self.keeps_state and self._config.session is None:  # it may say so, before anything is asked
            if self._shared.session is None:
                await self.tools()
            if self._shared.session is not None:
                self._note_state(self._shared.session)
        if run is None or not self.keeps_state:
            yield self._shared, None
            return
        async with self._runs.using(run) as found:
            yield found.slot, ServerSession(server=self.name, id=found.id)

    def _slot_of_run(self) -> SessionSlot:
        """Return a place for a run, with the session that has only listed tools if there is one."""
        slot = SessionSlot(self._access, self._shared.take())
        slot.private = True
        return slot

    def _note_state(self, session: Session) -> None:
        """Note what a session that was just opened says of the server."""
        self.last_list, self._declares_state = session.tools, session.declares_state
        self._shared.private = self.keeps_state

    async def _ask(self, run: CallingRun | None, what: str, ask: Callable[[Session], Awaitable[Result]]) -> Result:
        async with self._slot(run) as (slot, _):
            return await self._answer(slot, what, ask)

    async def _answer(self, slot: SessionSlot, what: str, ask: Callable[[Session], Awaitable[Result]]) -> Result:
        """Ask the server; once more if it refuses the token of an older session, which may have been replaced since."""
        is_older = slot.session is not None
        try:
            return await self._result(slot, what, ask)
        except ApplicationError as error:
            if not (error.non_retryable and is_older):
                raise
            if slot is not self._shared:
                raise Unavailable(error.message) from None  # the run must know first that its session has ended
        return await self._result(slot, what, ask)

    async def _result(self, slot: SessionSlot, what: str, ask: Callable[[Session], Awaitable[Result]]) -> Result:
        """Wait for the server's result in the session for new calls, which nobody else is given meanwhile.

        Of a server that keeps state, the session without a run only lists tools, so that a run may have it afterwards.
        """
        session = await slot.open()
        self._note_state(session)
        only_lists = slot is self._shared and self.keeps_state
        if only_lists and what != _LISTING:
            raise Unavailable(f"The MCP server {self.name} keeps state from now on: {what} needs a session of its run")
        try:
            with session.in_use():
                return await self._asked(slot, session, what, ask)
        finally:
            if only_lists and not session.fits_a_run:
                slot.detach(session, "")
            await slot.call_ended(session)

    async def _asked(
        self, slot: SessionSlot, session: Session, what: str, ask: Callable[[Session], Awaitable[Result]]
    ) -> Result:
        """Return the server's result, or raise an error by who is at fault, the caller or the server."""
        from mcp import MCPError  # noqa: PLC0415 (a slow import: only workers that call tools pay for it)

        try:
            return await ask(session)
        except MCPError as error:  # never a cause of another error: Temporal would record it, with all keys
            if is_answer(error) and (http_error := session.http_errors.to_error(self.name)):
                if http_error.non_retryable:
                    slot.detach(session, http_error.message)  # the next session reads the token again
                raise http_error from None
            kind = kind_of(error)
            if kind in {"wrong call", "no result"}:
                text = self._redactor.redact(unreadable(error) or session.plain_text(error))
                raise ToolRefused(_refusal(self.name, what, text, is_answer=kind == "no result")) from None
            text = self._redactor.redact(await session.why_broken(error))
            if kind == "broken session":
                slot.detach(session, text)
            elif kind == "timeout" and not await session.responds():
                await slot.forget(session, "it did not answer any more")
            raise Unavailable(f"The call of {what} on {self.name} broke: {text}") from None
        except (RuntimeError, ValueError) as error:  # it answered, so that another attempt would repeat the effect
            text = self._redactor.redact(session.plain_text(error))
            raise ToolRefused(_refusal(self.name, what, text, is_answer=True)) from None
        except OSError as error:
            await slot.forget(session, f"it is unreachable ({session.plain_text(error)})")
            raise Unavailable(f"The MCP server {self.name} is unreachable: {session.plain_text(error)}") from None

    async def close(self) -> None:
        """End all sessions, with the calls in flight."""
        await asyncio.gather(self._shared.close(), self._runs.close())


def _refusal(server: str, what: str, reason: str, *, is_answer: bool) -> str:
    if is_answer:
        return f"The server {server} answered {what} with what is no result: {reason}"
    return f"The server {server} refuses {what}: {reason}"


def _on_progress(publish_note: PublishNote, redactor: Redactor) -> ProgressFnT:
    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        done = f"{progress:g} of {total:g}" if total else f"{progress:g}"
        await publish_note(redactor.redact(f"{message} ({done})" if message else done))

    return on_progress
