"""Which runs were asked for: remembered for longer than JetStream's duplicate window and Temporal's retention last."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.bus.key_value import KeyValue
from perdure.contracts import Sha256, StartWorkflow
from perdure.errors import InvalidMessage

__all__ = ["BUCKET", "StartLedger"]

BUCKET: Final = "STARTS"
"""The bucket of the topology that holds the entries."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: Sha256
    stream_sequence: int
    started: bool = False


class StartLedger:
    """One entry a workflow id: who claimed it, and whether its run was started."""

    def __init__(self, entries: KeyValue) -> None:
        self._entries = entries

    async def claim(self, start: StartWorkflow) -> bool:
        """Claim the id for this start, before it happens; returns whether it has happened before.

        Raises:
            InvalidMessage: An event with the same id and other data came first.
            Unavailable: The ledger does not answer.
        """
        if await self._entries.create(start.workflow_id, _entry(start, started=False)):
            return False
        known = await self._entries.get(start.workflow_id)
        if known is None:
            return False
        entry = _Entry.model_validate_json(known)
        if entry.digest != start.digest:
            raise InvalidMessage(
                "duplicate_id",
                f"The event id {start.event.id} was used before, by EVENTS {entry.stream_sequence}, which had other "
                "data. An id names one event for ever: publish this one under an id of its own.",
            )
        return entry.started

    async def has_started(self, workflow_id: str) -> bool:
        """Tell whether a run was ever started under this id.

        Raises:
            Unavailable: The ledger does not answer.
        """
        known = await self._entries.get(workflow_id)
        return known is not None and _Entry.model_validate_json(known).started

    async def started(self, start: StartWorkflow) -> None:
        """Write down that the run was started.

        Raises:
            Unavailable: The ledger does not answer.
        """
        await self._entries.put(start.workflow_id, _entry(start, started=True))


def _entry(start: StartWorkflow, *, started: bool) -> bytes:
    entry = _Entry(digest=start.digest, stream_sequence=start.event.stream_sequence, started=started)
    return entry.model_dump_json().encode()
