"""The recorder loses no message, and returns in the end, whatever the database does."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.bus.settlement import settle
from perdure.config.settings import Settings
from perdure.errors import InvalidMessage, Unavailable
from perdure_audit.recorder import Recorder
from perdure_audit.store import Store, open_store
from tests.support.deliveries import Delivered

MESSAGES = [
    StoredMessage(RawMessage("events.a", b"", {}), "EVENTS", n, datetime(2026, 11, 23, tzinfo=UTC), pending=0)
    for n in (1, 2)
]


class ShakyStore(Store):
    """A store that raises the errors of its script, and then keeps messages."""

    def __init__(self, *script: Exception) -> None:
        self.kept: list[StoredMessage] = []
        self._script = list(script)

    async def add(self, messages: Sequence[StoredMessage]) -> None:
        if self._script:
            raise self._script.pop(0)
        self.kept += messages


@pytest.mark.parametrize("error", [ConnectionRefusedError("no"), Unavailable("down"), ZeroDivisionError()])
async def test_no_message_is_lost_when_the_store_fails_once(error: Exception) -> None:
    store = ShakyStore(error)
    recorder = Recorder(store)

    async def deliver(message: StoredMessage) -> list[str]:
        delivery = Delivered(message=message)
        while delivery.settled[-1:] != ["ack"]:
            await settle(delivery, recorder.record, bus=MemoryBus(), service="audit")
        return delivery.settled

    async with asyncio.timeout(5):
        settlements = await asyncio.gather(*map(deliver, MESSAGES))

    assert settlements == [["nak", "ack"], ["nak", "ack"]]
    assert store.kept == MESSAGES


async def test_a_message_that_cannot_be_stored_fails_alone() -> None:
    class Picky(ShakyStore):
        """A store that never takes the first message."""

        async def add(self, messages: Sequence[StoredMessage]) -> None:
            if MESSAGES[0] in messages:
                raise InvalidMessage("bad_message", "no")
            await super().add(messages)

    store = Picky()
    recorder = Recorder(store)

    first, second = await asyncio.gather(*map(recorder.record, MESSAGES), return_exceptions=True)

    assert isinstance(first, InvalidMessage)
    assert (second, store.kept) == (None, MESSAGES[1:])


@pytest.mark.parametrize("error", [ConnectionRefusedError("no"), NoConnectionFree("no")])
async def test_a_database_that_cannot_be_reached_is_unavailable(error: OSError | SQLAlchemyError) -> None:
    engine = create_async_engine("sqlite+aiosqlite://")

    @event.listens_for(engine.sync_engine, "do_connect")
    def refuse(*_: object) -> None:
        raise error

    with pytest.raises(Unavailable, match="no"):
        await Store(engine).add(MESSAGES)


@pytest.mark.parametrize("bad", [{"sequence": 2**70}, {"raw": RawMessage("events.a", b"other", {})}])
async def test_a_row_that_cannot_be_stored_never_fails_its_neighbours(audited: Settings, bad: dict[str, Any]) -> None:
    async with open_store(audited) as store:
        await store.add(MESSAGES[:1])
        recorder = Recorder(store)
        later = [replace(MESSAGES[0], sequence=number) for number in range(10, 40)]
        later[17] = replace(MESSAGES[0], **bad)

        found = await asyncio.gather(*map(recorder.record, later), return_exceptions=True)

        assert [at for at, it in enumerate(found) if it is not None] == [17]
        assert isinstance(found[17], InvalidMessage)
        assert await store.count() == 30


async def test_a_transaction_takes_so_many_bytes_and_no_more() -> None:
    class Measured(ShakyStore):
        """A store that keeps the sizes of its transactions."""

        sizes: list[int]

        async def add(self, messages: Sequence[StoredMessage]) -> None:
            self.sizes.append(sum(len(it.raw.body) for it in messages))

    store = Measured()
    store.sizes = []
    large = [
        replace(it, raw=replace(it.raw, body=bytes(size))) for it in MESSAGES for size in (1, 5_000_000, 9_000_000)
    ]
    recorder = Recorder(store)

    await asyncio.gather(*map(recorder.record, large))

    assert store.sizes == [5_000_001, 9_000_000, 5_000_001, 9_000_000]
