"""The open runs of one route: in memory for its decisions, and one small message a run for the next leader."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.contracts import StartWorkflow, from_token, to_token

__all__ = ["FreedSlot", "OpenRun", "OpenRuns", "free_subject"]

_STREAM: Final = "OPEN"
_LAST: Final = 2**62  # sequence
_UNSURE: Final = timedelta(seconds=5)  # by which the time of the server is known at worst


class _Entry(BaseModel):
    """The body of the message that keeps an open run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    workflow: str
    since: AwareDatetime
    event: int = 0


class FreedSlot(BaseModel):
    """The body of a message that frees the slot of a start that was dead-lettered.

    Attributes:
        event: Sequence in EVENTS of the event of that start.
        repeats: Whether the start was refused because a run of its id existed: of another event, if it has the slot.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event: int
    repeats: bool


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that was released and has not ended.

    Attributes:
        run: Its workflow id, as a token.
        key: The token of its key.
        workflow: The workflow type, as a token.
        since: Endings that were stored before are of earlier runs with this id (UTC).
        event: Sequence in EVENTS of the event that took the slot; 0: 0.1 did not keep it.
        sequence: Where OPEN keeps it; 0: not stored yet.
        stored_at: When OPEN stored it (UTC); None: just now.
    """

    run: str
    key: str
    workflow: str
    since: datetime
    event: int = 0
    sequence: int = 0
    stored_at: datetime | None = None

    @classmethod
    def of(cls, start: StartWorkflow, key: str, released_at: datetime) -> Self:
        """Return the run of a start.

        Args:
            start: The start.
            key: The token of its key.
            released_at: The time of the server, as well as this process knows it.
        """
        return cls(
            to_token(start.workflow_id),
            key,
            to_token(start.workflow),
            released_at - _UNSURE,
            start.event.stream_sequence,
        )

    @property
    def progress_subject(self) -> str:
        """The subject of its facts."""
        return f"progress.{self.workflow}.{self.run}"


class OpenRuns:
    """The open runs of one route."""

    def __init__(self, bus: Bus, route: str) -> None:
        self._bus = bus
        self._route = route
        self._runs: dict[str, OpenRun] = {}
        self._by_key: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[OpenRun]:
        return iter(self._runs.values())

    def get(self, run: str) -> OpenRun | None:
        """Return the open run of this token, if it is one."""
        return self._runs.get(run)

    def count(self, key: str) -> int:
        """Return how many open runs have this key."""
        return len(self._by_key.get(key, ()))

    def with_key(self, key: str) -> Sequence[str]:
        """Return the workflow ids of the open runs with this key."""
        return [from_token(run) for run in self._by_key.get(key, ())]

    def add(self, run: OpenRun) -> None:
        """Count a run, in memory."""
        self._runs[run.run] = run
        self._by_key.setdefault(run.key, {})[run.run] = None

    def remove(self, run: OpenRun) -> None:
        """Do not count a run any more, in memory."""
        del self._runs[run.run]
        same_key = self._by_key[run.key]
        del same_key[run.run]
        if not same_key:
            del self._by_key[run.key]

    async def load(self) -> None:
        """Read all open runs.

        Raises:
            Unavailable: NATS does not answer.
        """
        self._runs.clear()
        self._by_key.clear()
        async for message in self._bus.read_range(f"open.run.{self._route}.>", first=1, last=_LAST):
            self.add(_read(message))

    async def keep(self, runs: Iterable[OpenRun]) -> None:
        """Store runs for the next leader; their sequences are known then.

        Raises:
            Unavailable: NATS does not answer.
        """
        await asyncio.gather(*map(self._keep, runs))

    async def forget(self, runs: Iterable[OpenRun]) -> None:
        """Delete what is stored of runs that have ended.

        Raises:
            Unavailable: NATS does not answer.
        """
        await asyncio.gather(*(self._bus.delete(_STREAM, run.sequence) for run in runs if run.sequence))

    async def freed(self) -> list[StoredMessage]:
        """Return the messages that free slots of the route.

        Raises:
            Unavailable: NATS does not answer.
        """
        pattern = f"open.freed.{self._route}.>"
        return [message async for message in self._bus.read(pattern)]

    async def _keep(self, run: OpenRun) -> None:
        entry = _Entry(workflow=run.workflow, since=run.since, event=run.event)
        subject = f"open.run.{self._route}.{run.key}.{run.run}"
        sequence = await self._bus.publish_raw(RawMessage(subject, entry.model_dump_json().encode(), {}))
        if run.run in self._runs:
            self._runs[run.run] = replace(run, sequence=sequence)


def free_subject(route: str, run: str, event: int) -> str:
    """Return the subject of the message that frees the slot that an event took for a run of a route."""
    return f"open.freed.{to_token(route)}.{to_token(run)}.{event}"


def _read(message: StoredMessage) -> OpenRun:
    _, _, _, key, run = message.raw.subject.split(".")
    entry = _Entry.model_validate_json(message.raw.body)
    return OpenRun(run, key, entry.workflow, entry.since, entry.event, message.sequence, message.stored_at)
