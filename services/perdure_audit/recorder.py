"""Records messages in groups: one transaction for many messages costs about as much as for one."""

import asyncio
from collections.abc import Iterator
from typing import Final

from perdure.bus import StoredMessage
from perdure.errors import InvalidMessage
from perdure_audit.store import Store

__all__ = ["Recorder"]

_GATHER: Final = 0.1  # seconds in which messages are collected: nobody waits for the record, and a commit is expensive
_MOST_BYTES: Final = 8 * 1024 * 1024  # of bodies in one transaction: its memory is a few times as much

_Waiting = tuple[StoredMessage, asyncio.Future[None]]


class Recorder:
    """Collects the messages of a moment, and writes them in one transaction (group commit)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, message: StoredMessage) -> None:
        """Record a message; returns once it is on disk.

        Raises:
            InvalidMessage: The store never accepts it.
            Unavailable: The store cannot be written right now.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_GATHER)
                waiting, self._waiting = self._waiting, []
                for batch in _batches(waiting):
                    await self._add(batch)
        finally:
            self._writing = None

    async def _add(self, batch: list[_Waiting]) -> None:
        """Write a batch; where one message is at fault, each by itself, so that only that one fails."""
        try:
            await self._store.add([message for message, _ in batch])
        except InvalidMessage as error:
            if len(batch) == 1:
                _finish(batch, error)
            else:
                for one in batch:
                    await self._add([one])
        except Exception as error:  # noqa: BLE001 (each caller of `record` raises it, and decides)
            _finish(batch, error)
        else:
            _finish(batch, None)


def _batches(waiting: list[_Waiting]) -> Iterator[list[_Waiting]]:
    """Yield messages in their order, no more bytes at once than a transaction takes, but at least one message."""
    batch, size = list[_Waiting](), 0
    for one in waiting:
        size += len(one[0].raw.body)
        if batch and size > _MOST_BYTES:
            yield batch
            batch, size = [], len(one[0].raw.body)
        batch.append(one)
    if batch:
        yield batch


def _finish(batch: list[_Waiting], error: Exception | None) -> None:
    for _, written in batch:
        if written.cancelled():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
