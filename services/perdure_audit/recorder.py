"""Messages that arrive together are written together: one transaction costs as much as one message would."""

import asyncio
from typing import Final

from perdure.bus import StoredMessage
from perdure_audit.store import Store

__all__ = ["Recorder"]

_GATHER: Final = 0.1  # seconds in which messages come together: nobody waits for the record, and a commit is dear


class Recorder:
    """Collects what arrives within a moment, and writes all of it at once (group commit)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[StoredMessage, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, heard: StoredMessage) -> None:
        """Record a message and return once it is on disk.

        Raises:
            Unavailable: The store cannot be written right now.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((heard, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(_GATHER)
                batch, self._waiting = self._waiting, []
                try:
                    await self._store.add([heard for heard, _ in batch])
                except Exception as error:  # noqa: BLE001 (whatever it is, those who wait are told, and decide)
                    _settle(batch, error)
                else:
                    _settle(batch, None)
        finally:
            self._writing = None


def _settle(batch: list[tuple[StoredMessage, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, written in batch:
        if written.cancelled():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)
