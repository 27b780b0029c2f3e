"""Many events become one run: as soon as there are enough of them, or the first has waited long enough.

Which events a batch holds is written down before its run is asked for: whoever takes over from a killed process asks
for the same run, and not for one of other events.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.config.flow_control import Batch
from perdure.contracts import StartWorkflow
from perdure_ingest.admission import event_digest, workflow_id
from perdure_ingest.flow_control.waiting import Place, read_start

__all__ = ["Batches", "HandOn", "batch_of"]

_LARGEST: Final = 512 * 1024  # bytes of a batch; NATS' own default limit is 1 MiB a message

HandOn = Callable[[StartWorkflow, str], Awaitable[None]]
"""Takes the batch's start and its key's token to where it waits next."""


class _Cut(BaseModel):
    """Which messages a batch consists of, from the moment that this is decided until all of them are taken out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequences: tuple[int, ...] = ()


class Batches:
    """One route's events, collected."""

    def __init__(self, place: Place, batch: Batch, *, bus: Bus, entries: KeyValue, hand_on: HandOn) -> None:
        self._place = place
        self._batch = batch
        self._bus = bus
        self._entries = entries
        self._hand_on = hand_on
        self._grown: set[str] | None = None  # until all were counted once: a process may have died before it did

    def has_grown(self, subject: str) -> None:
        """Remember that an event came, so that its batch is counted."""
        if self._grown is not None:
            self._grown.add(subject)

    async def look(self) -> datetime | None:
        """Make a run of each batch that is due; returns when the next one will be, if none fills up before.

        Raises:
            Unavailable: NATS does not answer; whatever was begun is safe to be begun again.
        """
        if self._grown is None:
            self._grown = set(await self._bus.count_by_subject(self._place.everything))
        while self._grown:
            subject = next(iter(self._grown))
            await self._cut_full(subject)
            self._grown.discard(subject)
        while (oldest := await self._bus.first(self._place.everything)) is not None:
            due = oldest.stored_at + self._batch.within
            if due > datetime.now(UTC):
                return due
            await self._cut(oldest.raw.subject)
        return None

    async def _cut_full(self, subject: str) -> None:
        while (await self._bus.count_by_subject(subject)).get(subject, 0) >= self._batch.size:
            await self._cut(subject)

    async def _cut(self, subject: str) -> None:
        """Decide what the batch of a subject holds, or find that decided; hand it on, and take it out."""
        cut, revision = await self._read(subject)
        if not cut.sequences:
            cut = _Cut(sequences=tuple([heard.sequence async for heard in self._oldest(subject)]))
            if not await self._replace(subject, cut, revision):
                return  # another process decided first: its decision is read next time
            _, revision = await self._read(subject)
        members = [member async for member in self._members(subject, cut)]
        if len(members) == len(cut.sequences):  # else it was handed on before, and was being taken out
            await self._hand_on(batch_of(members), subject.rsplit(".", 1)[-1])
        for sequence in cut.sequences:
            await self._bus.delete(self._place.stream.upper(), sequence)
        await self._replace(subject, _Cut(), revision)

    async def _oldest(self, subject: str) -> AsyncIterator[StoredMessage]:
        """Yield the oldest events of a subject, as many as a batch holds."""
        count = size = after = 0
        while count < self._batch.size and (heard := await self._bus.first(subject, after=after)) is not None:
            count, size, after = count + 1, size + len(heard.raw.body), heard.sequence
            if count > 1 and size > _LARGEST:
                return
            if await read_start(heard, self._bus) is not None:
                yield heard

    async def _members(self, subject: str, cut: _Cut) -> AsyncIterator[StartWorkflow]:
        """Yield what is still there of a batch."""
        for sequence in cut.sequences:
            heard = await self._bus.first(subject, after=sequence - 1)
            if heard is not None and heard.sequence == sequence:
                yield StartWorkflow.model_validate_json(heard.raw.body)

    async def _read(self, subject: str) -> tuple[_Cut, int]:
        known = await self._entries.read(subject)
        return (_Cut(), 0) if known is None else (_Cut.model_validate_json(known.value), known.revision)

    async def _replace(self, subject: str, cut: _Cut, revision: int) -> bool:
        return await self._entries.replace(subject, cut.model_dump_json().encode(), revision=revision)


def batch_of(starts: Sequence[StartWorkflow]) -> StartWorkflow:
    """Return one start for many: named by the first of them, its input is the list of theirs."""
    first = starts[0]
    return first.model_copy(
        update={
            "workflow_id": workflow_id(first.route, f"batch-{first.event.id}"),
            "digest": event_digest(*(start.digest for start in starts)),
            "input": [start.input for start in starts],
        }
    )
