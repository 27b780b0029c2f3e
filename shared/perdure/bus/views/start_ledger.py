"""The ledger of commands that took effect.

It remembers them for longer than JetStream's duplicate window and Temporal's retention.
"""

from enum import Enum, auto
from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.bus.key_value import KeyValue
from perdure.contracts import Sha256, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage

__all__ = ["BUCKET", "Claim", "StartLedger", "duplicate_id", "run_exists"]

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
    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    digest: Sha256
    stream_sequence: int
    started: bool = False


class StartLedger:
    """Claims commands before they take effect: one entry for each start of a run and each signal."""

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def claim(self, command: StartWorkflow | SignalWorkflow) -> Claim:
        """Claim a command before it takes effect.

        Raises:
            InvalidMessage: An event with another id, or with the same id and other data, has claimed it before.
            Unavailable: The bucket does not answer.
        """
        if await self._entries.create(command.claim, _entry(command, started=False)):
            return Claim.NEW
        return await self.look_up(command)

    async def look_up(self, command: StartWorkflow | SignalWorkflow) -> Claim:
        """Return the state of a command without claiming it; raises as ``claim`` does."""
        found = await self._entries.get(command.claim)
        if found is None:
            return Claim.NEW
        entry = _Entry.model_validate_json(found)
        _refuse_conflict(entry, command)
        return Claim.DONE if entry.started else Claim.TRIED

    async def claimed_by(self, command: StartWorkflow | SignalWorkflow) -> int | None:
        """Return the sequence in EVENTS of the event that claimed a command, or None; raises as ``claim`` does.

        It is another sequence than that of the command's own event if the same event was stored twice.
        """
        found = await self._entries.get(command.claim)
        if found is None:
            return None
        entry = _Entry.model_validate_json(found)
        _refuse_conflict(entry, command)
        return entry.stream_sequence

    async def has_started(self, claim: str) -> bool:
        """Return whether a command with this claim ever took effect.

        Raises:
            Unavailable: The bucket does not answer.
        """
        found = await self._entries.get(claim)
        return found is not None and _Entry.model_validate_json(found).started

    async def digest_of(self, claim: str) -> str | None:
        """Return the digest of the event that made a claim, or None if none did.

        Raises:
            Unavailable: The bucket does not answer.
        """
        found = await self._entries.get(claim)
        return None if found is None else _Entry.model_validate_json(found).digest

    async def mark_started(self, command: StartWorkflow | SignalWorkflow) -> None:
        """Record that a command took effect.

        Raises:
            Unavailable: The bucket does not answer.
        """
        await self._entries.put(command.claim, _entry(command, started=True))


def _refuse_conflict(entry: _Entry, command: StartWorkflow | SignalWorkflow) -> None:
    place = f"EVENTS {entry.stream_sequence}"
    if entry.event_id != command.event.id:
        raise run_exists(command, f"by another event, {entry.event_id} ({place})")
    if entry.digest != command.digest:
        raise duplicate_id(command, f"by {place}, which had other data")


def run_exists(command: StartWorkflow | SignalWorkflow, by: str) -> InvalidMessage:
    """Return the refusal of a command whose run was started otherwise: ``by`` says how, as ``by no event``."""
    return InvalidMessage(
        "run_exists",
        f"The run {command.workflow_id} was started {by}. Route {command.route} starts one run with this id only: put "
        "{id} into its `workflow_id`, or use signal_with_start.",
    )


def duplicate_id(command: StartWorkflow | SignalWorkflow, by: str) -> InvalidMessage:
    """Return the refusal of a command whose event's id another event had: ``by`` says where it was used before."""
    return InvalidMessage(
        "duplicate_id",
        f"The event id {command.event.id} was used before, {by}. An id identifies one event only: publish this event "
        "under an id of its own.",
    )


def _entry(command: StartWorkflow | SignalWorkflow, *, started: bool) -> bytes:
    entry = _Entry(
        event_id=command.event.id,
        digest=command.digest,
        stream_sequence=command.event.stream_sequence,
        started=started,
    )
    return entry.model_dump_json().encode()
