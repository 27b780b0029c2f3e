"""The place of one session: opened on first use, by all who need it together, and again after it broke."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from perdure.values.duration import duration_text
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_folder import ServerFolder
from perdure_orchestrator.agents.server_transports import Observed, ServerConfig
from perdure_orchestrator.agents.session import Session
from perdure_orchestrator.agents.shared_attempt import SharedAttempt
from perdure_orchestrator.agents.starting_notes import NotePublisher, starting_notes

__all__ = ["ServerAccess", "SessionSlot"]


@dataclass(frozen=True, slots=True)
class ServerAccess:
    """How sessions of one server are opened.

    Attributes:
        name: The server's name.
        config: Its configuration.
        folder: The folder of its processes.
        redactor: Masks the worker's keys.
        notes: How those who wait are notified.
    """

    name: str
    config: ServerConfig
    folder: Path
    redactor: Redactor
    notes: NotePublisher = lambda: None


class SessionSlot:
    """At most one session for new calls.

    Attributes:
        session: That session, while one is open.
        private: Whether its process gets a folder of its own.
        why_closed: Why the last one is not for new calls any more.
    """

    def __init__(self, access: ServerAccess, session: Session | None = None) -> None:
        self.session = session
        self.private = access.config.session == "run"
        self.why_closed = ""
        self._access = access
        self._detached = set[Session]()  # not for new calls, and not yet closed
        self._opening = SharedAttempt(self._open)
        self._observed = Observed(access.redactor)
        self._began = 0.0

    async def open(self) -> Session:
        """Return the session; whoever waits for it is notified by notes.

        Raises:
            Unavailable: The server does not start, or not in time.
            ApplicationError: It refuses access, or names the time of the next attempt.
        """
        while (session := self.session) is None:  # another slot may take it before all who waited go on
            async with starting_notes(self._access.notes(), self._still_starting):
                await self._opening.result()
        return session

    @property
    def is_empty(self) -> bool:
        """Whether there is no session for new calls, and none is being opened."""
        return self.session is None and not self._opening.under_way

    def take(self) -> Session | None:
        """Return the session for the slot of a run, if it is fit for one and nobody uses it now."""
        session = self.session
        if session is None or session.calls or not session.fits_a_run:
            return None
        self.session = None
        return session

    def detach(self, session: Session, why: str) -> None:
        """Use the session for no new call; it ends with its last call in flight, which may have an effect already."""
        if self.session is session:
            self.session, self.why_closed = None, why
        self._detached.add(session)

    async def forget(self, session: Session, why: str) -> None:
        """Close the session with its calls in flight."""
        self.detach(session, why)
        self._detached.discard(session)
        await session.close()

    async def call_ended(self, session: Session) -> None:
        """Close a detached session after its last call."""
        if session in self._detached and not session.calls:
            self._detached.discard(session)
            await session.close()

    async def close(self, why: str = "") -> None:
        """Close all sessions, with the calls in flight; one that is being opened, too."""
        reason = why or "the worker has stopped"
        await self._opening.cancel(f"The MCP server {self._access.name} is not started any more: {reason}")
        sessions = [*self._detached, *filter(None, [self.session])]
        await asyncio.gather(*(self.forget(session, why) for session in sessions))

    async def _open(self) -> Session:
        access = self._access
        self._began, self._observed = time.monotonic(), Observed(access.redactor)
        own = ServerFolder(access.folder / uuid4().hex, passes=True)
        folder = own if self.private else ServerFolder(access.folder)
        self.session = await Session.open(
            access.name, access.config, access.redactor, folder=folder, observed=self._observed
        )
        return self.session

    def _still_starting(self) -> str:
        since, within = time.monotonic() - self._began, duration_text(self._access.config.start_timeout)
        words = self._observed.words.sentence()
        return f"The MCP server {self._access.name} is still starting: {since:.0f} s of {within}{words}"
