"""The sessions that single runs have with a server which keeps state, such as a browser."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import uuid4

from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from perdure.bus.settlement import backoff_seconds
from perdure.errors import PerdureError
from perdure.flow.server_session import ServerSession
from perdure.values.duration import duration_text
from perdure_orchestrator.agents.calling_run import CallingRun
from perdure_orchestrator.agents.session_slot import SessionSlot

__all__ = ["RunSession", "RunSessions", "SessionLost"]

_REASONS: Final = 1_000  # why sessions were lost; of older ones nobody remembers it
_NEXT_WITHIN: Final = 10.0  # seconds until Temporal says which run continues another
_FULL_DELAY: Final = timedelta(seconds=5)

_log = logging.getLogger(__name__)


class SessionLost(PerdureError):
    """The session in which a run has worked is gone, with all that was open there; the call was not made.

    Attributes:
        session: That session.
    """

    def __init__(self, message: str, session: ServerSession) -> None:
        super().__init__(message)
        self.session = session


@dataclass(eq=False)
class RunSession:
    """The session of one run; of a run that continues as new, also of the next.

    Attributes:
        id: Its name, which the run's history holds.
        run: The run.
        slot: The session itself.
        calls: How many are in flight.
        used_at: When the last one ended, by the monotonic clock.
        moved: Set, and replaced, when the run has ended.
        watch: Closes it in time.
    """

    run: CallingRun
    slot: SessionSlot
    id: str = field(default_factory=lambda: uuid4().hex)
    calls: int = 0
    used_at: float = field(default_factory=time.monotonic)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    watch: asyncio.Task[None] | None = None


class RunSessions:
    """The open ones of this worker with one server.

    Args:
        server: The server's name.
        new_slot: Makes the place of a session.
        most: How many may be open.
        idle: How long one may be without a call.
    """

    def __init__(self, server: str, new_slot: Callable[[], SessionSlot], *, most: int, idle: timedelta) -> None:
        self._server = server
        self._new_slot = new_slot
        self._most = most
        self._idle = idle
        self._of_run: dict[str, RunSession] = {}
        self._watches = set[asyncio.Task[None]]()
        self._why_lost: OrderedDict[str, str] = OrderedDict()

    @asynccontextmanager
    async def using(self, run: CallingRun) -> AsyncIterator[RunSession]:
        """Yield the session of a run, for one call; it begins with the first.

        Raises:
            SessionLost: The one in which it has worked is gone; the message says why.
            ApplicationError: Too many are open.
        """
        session = await self._found(run, run.sessions.get(self._server)) or self._begun(run)
        session.calls += 1
        try:
            yield session
        finally:
            session.calls -= 1
            session.used_at = time.monotonic()
            if not session.calls:
                await self._end_if_over(session)

    async def close(self) -> None:
        """Close all, and wait for those that are being closed."""
        await asyncio.gather(*(self._close(session, "the worker has stopped") for session in [*self._of_run.values()]))
        await asyncio.gather(*self._watches, return_exceptions=True)

    async def _end_if_over(self, session: RunSession) -> None:
        """Close a session that was closed while a call opened it again, and forget one that broke."""
        if self._of_run.get(session.run.run_id) is not session:
            await session.slot.close(session.slot.why_closed)
        elif session.slot.is_empty:
            self._drop(session, session.slot.why_closed)

    async def _found(self, run: CallingRun, known: str | None) -> RunSession | None:
        earlier = next((it for it in self._of_run.values() if it.id == known), None)
        if earlier is not None and earlier.run.run_id != run.run_id:
            with suppress(TimeoutError):  # its run has ended: the other one continues it, or the session goes with it
                await asyncio.wait_for(earlier.moved.wait(), _NEXT_WITHIN)
        session = self._of_run.get(run.run_id)
        if session is not None and session.slot.session is None and session.slot.why_closed:
            self._drop(session, session.slot.why_closed)
            session = None
        if known is not None and (session is None or session.id != known):
            raise SessionLost(self._lost(known), ServerSession(server=self._server, id=known))
        return session

    def _lost(self, known: str) -> str:
        why = self._why_lost.get(known, "the worker that held it has ended")
        return (
            f"The session of this run with the MCP server {self._server} is gone: {why}. What was open there is lost, "
            "and this call was not made. The next call begins a new session"
        )

    def _begun(self, run: CallingRun) -> RunSession:
        if len(self._of_run) >= self._most:
            raise ApplicationError(
                f"The MCP server {self._server} has {self._most} sessions open on this worker, one for each run: the "
                f"call waits until one ends. If the machine carries more, set mcp.servers.{self._server}.max_sessions",
                type="ToolServerFull",
                next_retry_delay=_FULL_DELAY,
            )
        session = self._of_run[run.run_id] = RunSession(run, self._new_slot())
        session.watch = asyncio.create_task(self._watch(session), name=f"mcp session of {run.workflow_id}")
        self._watches.add(session.watch)
        session.watch.add_done_callback(self._watches.discard)
        return session

    async def _watch(self, session: RunSession) -> None:
        """Close the session when its run has ended or makes no call any more."""
        while True:
            ending = asyncio.create_task(self._next(session.run))
            try:
                is_idle = await self._idles(session, ending)
            finally:
                ending.cancel()
            following = None if is_idle else ending.result()
            if following is None:
                why = f"no call used it for {duration_text(self._idle)}" if is_idle else "its run has ended"
                break
            del self._of_run[session.run.run_id]
            session.run = following
            self._of_run[following.run_id] = session
            session.moved.set()
            session.moved = asyncio.Event()
        session.watch = None  # it must not cancel itself
        await self._close(session, why)

    async def _next(self, run: CallingRun) -> CallingRun | None:
        """Wait until a run has ended, however long nobody can tell."""
        tries = 0
        while True:
            try:
                return await run.next()
            except Exception as error:  # noqa: BLE001 (a boundary: without its watch a session would stay for ever)
                is_away = isinstance(error, RPCError)
                _log.warning(
                    "cannot see whether the run %s has ended: its session with the MCP server %s stays open: %s",
                    *(run.workflow_id, self._server, error),
                    exc_info=None if is_away else error,
                )
            tries += 1
            await asyncio.sleep(backoff_seconds(tries))

    async def _idles(self, session: RunSession, ending: asyncio.Task[CallingRun | None]) -> bool:
        """Wait until the run has ended, or return that it makes no call any more."""
        longest = self._idle.total_seconds()
        while not ending.done():
            left = longest if session.calls else session.used_at + longest - time.monotonic()
            if left <= 0:
                return True
            await asyncio.wait({ending}, timeout=left)
        return False

    async def _close(self, session: RunSession, why: str) -> None:
        self._drop(session, why)
        await session.slot.close(why)

    def _drop(self, session: RunSession, why: str) -> None:
        if self._of_run.get(session.run.run_id) is session:
            del self._of_run[session.run.run_id]
        if why:
            self._why_lost[session.id] = why
            if len(self._why_lost) > _REASONS:
                self._why_lost.popitem(last=False)
        if session.watch is not None:
            session.watch.cancel()
        session.moved.set()
