"""The journal of one route: what its leader is doing, so that another process can finish it."""

import json
from datetime import datetime
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.bus import KeyValue, StoredMessage
from perdure.contracts import StartWorkflow
from perdure.errors import Unavailable

__all__ = ["Deposed", "FormerState", "Journal", "JournalStore", "Releasing", "journal_key"]

_FORMER: Final = json.dumps({"runs": {}, "next_start": None, "going": None}, separators=(",", ":")).encode()


class Deposed(Unavailable):
    """Another process has changed the journal: it leads the route, or has cancelled a start there."""


class Releasing(BaseModel):
    """A waiting start that is being released.

    Attributes:
        subject: The subject under which it waits until then.
        sequence: Its sequence in that stream.
        command: The start itself, if a newer one may replace the waiting message meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    sequence: int
    command: StartWorkflow | None = None

    @property
    def stream(self) -> str:
        """The stream in which it waits."""
        return self.subject.partition(".")[0].upper()

    def waits_in(self, message: StoredMessage | None) -> bool:
        """Return whether a message of that sequence is this one."""
        return message is not None and message.raw.subject == self.subject


class Journal(BaseModel):
    """What the leader of a route has decided; one small entry of the bucket FLOW.

    Attributes:
        epoch: Counts the leaders; a new one changes the entry, which stops an old one that lives on.
        at: When it was written (UTC, the server's time); absent if no start was ever released.
        after: A sequence in PROGRESS: every ending up to it has freed its slot.
        open: How many runs were open.
        next_start: The start rate allows no release before (UTC, the server's time).
        batch: The starts that were released last: all of them are published before the next release.
        cancelling: The start that an operator cancelled last: it is not released any more.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    epoch: int = 0
    at: AwareDatetime | None = None
    after: int = 0
    open: int = 0
    next_start: AwareDatetime | None = None
    batch: tuple[Releasing, ...] = ()
    cancelling: Releasing | None = None


class FormerState(BaseModel):
    """The state of a route's limits as 0.1 and 0.2 kept it, in one entry for all open runs.

    Attributes:
        runs: Token of the key by workflow id, of each open run.
        next_start: The start rate allows no release before (UTC, the clock of some process).
        going: The start that was released last.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    runs: dict[str, str] = {}
    next_start: AwareDatetime | None = None
    going: Releasing | None = None


def journal_key(route: str) -> str:
    """Return the key of a route's journal; no route's token has a dot."""
    return f"journal.{route}"


class JournalStore:
    """The journal of one route, in the bucket FLOW."""

    def __init__(self, entries: KeyValue, route: str) -> None:
        self._entries = entries
        self._route = route
        self._key = journal_key(route)
        self._revision = 0

    async def read(self) -> Journal | None:
        """Return the journal, if there is one; the next ``replace`` succeeds if nobody else replaced it meanwhile.

        Raises:
            Unavailable: NATS does not answer.
        """
        entry = await self._entries.read(self._key)
        self._revision = 0 if entry is None else entry.revision
        return None if entry is None else Journal.model_validate_json(entry.value)

    async def replace(self, journal: Journal) -> None:
        """Store the journal.

        Raises:
            Deposed: Another process has replaced it since it was read.
            Unavailable: NATS does not answer; read it again.
        """
        revision = await self._entries.replace(self._key, journal.model_dump_json().encode(), revision=self._revision)
        if revision is None:
            raise Deposed(f"Another process has changed the journal of the route {self._route}")
        self._revision = revision

    async def former(self) -> tuple[FormerState, int, datetime] | None:
        """Return the state that a process of 0.1 or 0.2 left, its revision, and when it was stored.

        Raises:
            Unavailable: NATS does not answer.
        """
        entry = await self._entries.read(self._route)
        if entry is None or entry.value == _FORMER:
            return None
        stored_at = await self._entries.stored_at(self._route)
        state = FormerState.model_validate_json(entry.value)
        return None if stored_at is None else (state, entry.revision, stored_at)

    async def clear_former(self, revision: int) -> None:
        """Store that the former state is taken over.

        Raises:
            Deposed: A process of 0.1 or 0.2 has changed it since.
            Unavailable: NATS does not answer.
        """
        if not await self._entries.replace(self._route, _FORMER, revision=revision):
            raise Deposed(f"A process of an older release leads the route {self._route}")
