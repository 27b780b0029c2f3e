"""Batches: one run for many events, as soon as there are enough of them or the first has waited long enough.

The members of a batch are stored before its run is started: if the process is killed, the next one starts the same run,
not one of other events.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from perdure.bus import StoredMessage
from perdure.config.flow_control import Batch
from perdure.contracts import StartWorkflow
from perdure.values.run_id import SEPARATOR, default_run_id, fit_run_id, former_run_id
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.waiting import WaitingSubjects, key_token, read_start
from perdure_ingest.identity import json_digest

__all__ = ["Batcher", "Forward", "merge_starts"]

_AT_ONCE: Final = 64  # deletions; a batch has up to 1,000
_LARGEST: Final = 512 * 1024  # bytes of a batch; NATS' own default limit is 1 MiB a message

Forward = Callable[[StartWorkflow, str], Awaitable[object]]
"""Takes the start of a batch, and the token of its key, to the next stage."""


class _Members(BaseModel):
    """The messages of a batch, from the decision until all of them are deleted; one entry of the bucket FLOW."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequences: tuple[int, ...] = ()


class Batcher:
    """Collects one route's events into batches."""

    def __init__(self, subjects: WaitingSubjects, batch: Batch, *, ports: FlowPorts, forward: Forward) -> None:
        self._subjects = subjects
        self._batch = batch
        self._bus = ports.bus
        self._entries = ports.entries
        self._verdicts = ports.verdicts
        self._clock = ports.clock
        self._forward = forward
        self._grown: set[str] | None = None  # None until all are counted once: a process may have died before it did

    def mark_grown(self, subject: str) -> None:
        """Note that an event was added, so that its batch is counted."""
        if self._grown is not None:
            self._grown.add(subject)

    async def start_due(self) -> datetime | None:
        """Start a run for each batch that is due; returns when the next is due if no batch fills up before.

        Raises:
            Unavailable: NATS does not answer; an interrupted batch is completed next time.
        """
        if self._grown is None:
            self._grown = set(await self._bus.count_by_subject(self._subjects.pattern))
        while self._grown:
            subject = next(iter(self._grown))
            await self._start_full(subject)
            self._grown.discard(subject)
        while (oldest := await self._bus.first(self._subjects.pattern)) is not None:
            due = oldest.stored_at + self._batch.within
            if due > self._clock.now():
                return due
            await self._start(oldest.raw.subject)
        return None

    async def _start_full(self, subject: str) -> None:
        while (await self._bus.count_by_subject(subject)).get(subject, 0) >= self._batch.size:
            await self._start(subject)

    async def _start(self, subject: str) -> None:
        """Store the members of a subject's batch unless they are stored, forward one start, and delete the members."""
        members, revision = await self._read(subject)
        if not members.sequences:
            members = _Members(sequences=tuple([message.sequence async for message in self._oldest(subject)]))
            if not await self._replace(subject, members, revision):
                return  # another process stored its members first: they are read next time
            _, revision = await self._read(subject)
        starts = [start async for start in self._starts(subject, members)]
        if len(starts) == len(members.sequences):  # else it was forwarded before, and its members are being deleted
            merged = merge_starts(starts)
            await self._forward(merged, key_token(subject))
            await self._verdicts.publish_changes(
                self._verdicts.change(start, "batched_into", workflow_id=merged.workflow_id) for start in starts
            )
        stream = self._subjects.stream.upper()
        for first in range(0, len(members.sequences), _AT_ONCE):
            some = members.sequences[first : first + _AT_ONCE]
            await asyncio.gather(*(self._bus.delete(stream, sequence) for sequence in some))
        await self._replace(subject, _Members(), revision)

    async def _oldest(self, subject: str) -> AsyncIterator[StoredMessage]:
        """Yield the oldest events of a subject, as many as a batch holds."""
        count = size = after = 0
        while count < self._batch.size and (message := await self._bus.first(subject, after=after)) is not None:
            count, size, after = count + 1, size + len(message.raw.body), message.sequence
            if count > 1 and size > _LARGEST:
                return
            if await read_start(message, self._bus) is not None:
                yield message

    async def _starts(self, subject: str, members: _Members) -> AsyncIterator[StartWorkflow]:
        """Yield those members of a batch that are still stored."""
        for sequence in members.sequences:
            message = await self._bus.first(subject, after=sequence - 1)
            if message is not None and message.sequence == sequence:
                yield StartWorkflow.model_validate_json(message.raw.body)

    async def _read(self, subject: str) -> tuple[_Members, int]:
        entry = await self._entries.read(subject)
        return (_Members(), 0) if entry is None else (_Members.model_validate_json(entry.value), entry.revision)

    async def _replace(self, subject: str, members: _Members, revision: int) -> bool:
        stored = await self._entries.replace(subject, members.model_dump_json().encode(), revision=revision)
        return stored is not None


def merge_starts(starts: Sequence[StartWorkflow]) -> StartWorkflow:
    """Return one start for many: its id comes from the first of them, its input is the list of their inputs."""
    first = starts[0]
    return first.model_copy(
        update={
            "workflow_id": _batch_id(first),
            "digest": json_digest(*(start.digest for start in starts)),
            "input": [start.input for start in starts],
            "former": None,
        }
    )


def _batch_id(first: StartWorkflow) -> str:
    """Return the id of a batch's run: that of 0.1 if 0.1 stored its first member, and so perhaps started it.

    No event's own id ends so: one with two ``~`` ends with a mark.
    """
    if first.former is None:
        return former_run_id(first.route, f"batch-{first.event.id}")
    return fit_run_id(f"{default_run_id(first.route, first.event.id, first.event.source)}{SEPARATOR}batch")
