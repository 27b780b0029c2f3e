"""Which commands took effect: remembered for longer than JetStream's duplicate window and Temporal's retention last."""

from enum import Enum, auto
from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.bus.key_value import KeyValue
from perdure.contracts import Sha256, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage

__all__ = ["BUCKET", "Claim", "StartLedger"]

BUCKET: Final = "STARTS"
"""The bucket of the topology that holds the entries."""


class Claim(Enum):
    """What the ledger says of a command that is about to take effect."""

    NEW = auto()
    """Nobody tried before."""
    TRIED = auto()
    """Somebody tried and may have died on the way: it may have taken effect."""
    DONE = auto()
    """It took effect."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    digest: Sha256
    stream_sequence: int
    started: bool = False


class StartLedger:
    """One entry a claim: a run that is started, or a signal that is sent."""

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def claim(self, command: StartWorkflow | SignalWorkflow) -> Claim:
        """Claim that this command takes effect, before it does.

        Raises:
            InvalidMessage: Another event claimed it first, or one with the same id and other data.
            Unavailable: The ledger does not answer.
        """
        if await self._entries.create(command.claim, _entry(command, started=False)):
            return Claim.NEW
        return await self.look_up(command)

    async def look_up(self, command: StartWorkflow | SignalWorkflow) -> Claim:
        """Tell what is known of a command, without claiming anything; see ``claim``."""
        known = await self._entries.get(command.claim)
        if known is None:
            return Claim.NEW
        entry = _Entry.model_validate_json(known)
        _refuse_another(entry, command)
        return Claim.DONE if entry.started else Claim.TRIED

    async def has_started(self, claim: str) -> bool:
        """Tell whether a command with this claim ever took effect.

        Raises:
            Unavailable: The ledger does not answer.
        """
        known = await self._entries.get(claim)
        return known is not None and _Entry.model_validate_json(known).started

    async def started(self, command: StartWorkflow | SignalWorkflow) -> None:
        """Write down that the command took effect.

        Raises:
            Unavailable: The ledger does not answer.
        """
        await self._entries.put(command.claim, _entry(command, started=True))


def _refuse_another(entry: _Entry, command: StartWorkflow | SignalWorkflow) -> None:
    event = command.event
    if entry.event_id != event.id:
        raise InvalidMessage(
            "run_exists",
            f"The run {command.workflow_id} was started by another event, {entry.event_id} (EVENTS "
            f"{entry.stream_sequence}). Route {command.route} makes one run of this id for ever: put {{id}} into its "
            "`workflow_id`, or use signal_with_start.",
        )
    if entry.digest != command.digest:
        raise InvalidMessage(
            "duplicate_id",
            f"The event id {event.id} was used before, by EVENTS {entry.stream_sequence}, which had other "
            "data. An id names one event for ever: publish this one under an id of its own.",
        )


def _entry(command: StartWorkflow | SignalWorkflow, *, started: bool) -> bytes:
    entry = _Entry(
        event_id=command.event.id,
        digest=command.digest,
        stream_sequence=command.event.stream_sequence,
        started=started,
    )
    return entry.model_dump_json().encode()
