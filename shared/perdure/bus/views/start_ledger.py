"""The ledger of commands that took effect.

It remembers them for longer than JetStream's duplicate window and Temporal's retention.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from perdure.bus.key_value import KeyValue
from perdure.contracts import Sha256, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage

__all__ = ["BUCKET", "Claim", "Origin", "StartLedger", "by_another_event", "duplicate_id", "run_exists"]

Command = StartWorkflow | SignalWorkflow
AnyCommand = TypeVar("AnyCommand", bound=Command)

BUCKET: Final = "STARTS"
"""Name of the key-value bucket of the entries; see ``topology.BUCKETS``."""


class Claim(Enum):
    """State of a command in the ledger, before it takes effect."""

    NEW = auto()
    """No process has claimed it before."""
    TRIED = auto()
    """A process has claimed it and may have ended since: it may have taken effect."""
    DONE = auto()
    """It has taken effect."""


class _Entry(BaseModel):
    """A claim; without a source it is one of 0.1, or of a batch, and without a route one of 0.1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    route: str | None = None
    event_id: str
    source: str | None = None
    digest: Sha256
    stream_sequence: int
    started: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a claim comes from.

    Attributes:
        route: The route.
        source: The source of the event; None if that is not known: 0.1 left it out, as batches do.
        stream_sequence: The event's sequence in EVENTS.
    """

    route: str
    source: str | None
    stream_sequence: int


class StartLedger:
    """Claims commands before they take effect: one entry for each start of a run and each signal."""

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def as_claimed(self, command: AnyCommand) -> AnyCommand:
        """Return the command as it was claimed for the same event: as 0.1 made it, as it is made today, or as it is.

        Raises:
            Unavailable: The bucket does not answer.
        """
        former = command.former
        if former is None:
            return cast("AnyCommand", await self._as_claimed_today(command))
        entry = await self._entry_of(former.claim)
        if (
            entry is None
            or entry.source is not None
            or (entry.event_id, entry.digest) != (former.event_id, former.digest)
        ):
            return command
        if former.since is not None and not await self._is_claimed_since(former.claim, former.since):
            return command
        return cast("AnyCommand", command.as_formerly(former))  # mypy sees the union of what both return

    async def _as_claimed_today(self, command: Command) -> Command:
        """Return a command of 0.1 as it is made today if its event was claimed so; 0.1 may have published it later.

        Its digest is not compared, as 0.1 left the source out.
        """
        today = command.as_today()
        entry = await self._entry_of(today.claim)
        if entry is None or (entry.event_id, entry.source) != (command.event.id, command.event.source):
            return command
        return today.model_copy(update={"digest": entry.digest})

    async def _is_claimed_since(self, claim: str, since: datetime) -> bool:
        claimed_at = await self._entries.stored_at(claim)
        return claimed_at is not None and claimed_at >= since

    async def claim(self, command: Command) -> Claim:
        """Claim a command before it takes effect.

        Args:
            command: The command, as ``as_claimed`` returns it.

        Raises:
            InvalidMessage: Another event has claimed it before: one with another id or source, or with the same and
                other data. Or another route has, for the same event.
            Unavailable: The bucket does not answer.
        """
        if await self._entries.create(command.claim, _entry(command, started=False)):
            return Claim.NEW
        return await self.look_up(command)

    async def look_up(self, command: Command) -> Claim:
        """Return the state of a command without claiming it; takes and raises what ``claim`` does."""
        entry = await self._entry_of(command.claim)
        if entry is None:
            return Claim.NEW
        _refuse_conflict(entry, command)
        return Claim.DONE if entry.started else Claim.TRIED

    async def first_claim(self, command: Command) -> tuple[int, str] | None:
        """Return who had a command: the event's sequence in EVENTS, and its run; None if it never took effect.

        It is another sequence than that of the command's own event if the same event was stored twice. Raises as
        ``claim`` does.
        """
        command = await self.as_claimed(command)
        entry = await self._entry_of(command.claim)
        if entry is None:
            return None
        _refuse_conflict(entry, command)
        return (entry.stream_sequence, command.workflow_id) if entry.started else None

    async def has_started(self, claim: str) -> bool:
        """Return whether a command with this claim ever took effect.

        Raises:
            Unavailable: The bucket does not answer.
        """
        entry = await self._entry_of(claim)
        return entry is not None and entry.started

    async def origin(self, claim: str) -> Origin | None:
        """Return where a claim comes from; None if nobody made it, or 0.1, which left the route out.

        Raises:
            Unavailable: The bucket does not answer.
        """
        entry = await self._entry_of(claim)
        if entry is None or entry.route is None:
            return None
        return Origin(entry.route, entry.source, entry.stream_sequence)

    async def digest_of(self, claim: str) -> str | None:
        """Return the digest of the event that made a claim, or None if none did.

        Raises:
            Unavailable: The bucket does not answer.
        """
        entry = await self._entry_of(claim)
        return None if entry is None else entry.digest

    async def mark_started(self, command: Command) -> None:
        """Record that a command took effect.

        Raises:
            Unavailable: The bucket does not answer.
        """
        await self._entries.put(command.claim, _entry(command, started=True))

    async def _entry_of(self, claim: str) -> _Entry | None:
        found = await self._entries.get(claim)
        return None if found is None else _Entry.model_validate_json(found)


def _refuse_conflict(entry: _Entry, command: Command) -> None:
    place = f"EVENTS {entry.stream_sequence}"
    if entry.event_id != command.event.id or entry.source not in {None, command.event.source}:
        raise run_exists(command, by_another_event(command, entry.event_id, entry.source, place=place))
    if entry.digest != command.digest:
        raise duplicate_id(command, f"by {place}, which had other data")
    if entry.route not in {None, command.route}:
        raise InvalidMessage(
            "run_exists",
            f"Route {entry.route} starts the run {command.workflow_id} for the same event: give route {command.route} "
            "a `workflow_id` of its own.",
        )


def by_another_event(command: Command, id_: str, source: str | None, *, place: str = "") -> str:
    """Return which other event started a command's run; both sources are named where they are known and differ.

    Args:
        command: The command that comes too late.
        id_: The other event's id.
        source: Its source, if it is known.
        place: Where the other event is stored.
    """
    other = f"by another event, {id_}" + (f" ({place})" if place else "")
    if source in {None, command.event.source}:
        return other
    return f"{other}, which is of the source {source}; this one is of {command.event.source}"


def run_exists(command: Command, by: str) -> InvalidMessage:
    """Return the refusal of a command whose run was started otherwise: ``by`` says how, as ``by no event``."""
    return InvalidMessage(
        "run_exists",
        f"The run {command.workflow_id} was started {by}. Route {command.route} starts one run with this id only: put "
        "{id} into its `workflow_id`, or use signal_with_start.",
    )


def duplicate_id(command: Command, by: str) -> InvalidMessage:
    """Return the refusal of a command whose event's id another event had: ``by`` says where it was used before."""
    return InvalidMessage(
        "duplicate_id",
        f"The event id {command.event.id} was used before, {by}. An id identifies one event only: publish this event "
        "under an id of its own.",
    )


def _entry(command: Command, *, started: bool) -> bytes:
    entry = _Entry(
        route=command.route,
        event_id=command.event.id,
        source=None if command.former is None else command.event.source,
        digest=command.digest,
        stream_sequence=command.event.stream_sequence,
        started=started,
    )
    return entry.model_dump_json().encode()
