"""Messages that a stream lost before the audit received them are declared in the record."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from perdure.bus import Bus, RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecordsQuery
from perdure.ledger import Discrepancy, Verification
from perdure.record.database import leaves_of
from perdure_audit.app import create_app
from perdure_audit.store import Store, open_store
from tests.support.ledger_keys import ledger_keys


@pytest_asyncio.fixture
async def store(audited: Settings) -> AsyncIterator[Store]:
    async with open_store(audited) as store:
        yield store


async def publish(bus: Bus, count: int) -> None:
    for _ in range(count):
        await bus.publish_raw(RawMessage("progress.W.r", b"{}", {}))


async def stored(bus: Bus, *sequences: int) -> list[StoredMessage]:
    found = [await bus.get("PROGRESS", sequence) for sequence in sequences]
    return [message for message in found if message is not None]


async def receive(bus: Bus, store: Store, messages: list[StoredMessage]) -> None:
    """Give messages to an audit that starts now."""
    with TemporaryDirectory() as folder:
        app = create_app(store, bus, ledger_keys(Path(folder)), await store.highest())
    (progress,) = [it for it in app.subscriptions if it.stream == "PROGRESS"]
    for message in messages:
        await progress.handle(message)


async def faults(store: Store) -> list[Discrepancy]:
    """Return what a verifier without any checkpoint finds, but that there is none."""
    verification = Verification([])
    async with store.engine.connect() as connection:
        async for leaves in leaves_of(connection):
            for leaf in leaves:
                verification.take(*leaf)
    return [it for it in verification.faults() if it.verdict != "freshness"]


async def gaps(store: Store) -> list[dict[str, int]]:
    records = (await store.find(AuditRecordsQuery(subject="perdure.audit.gap"))).records
    return [json.loads(record.body) for record in records]


async def test_what_was_removed_while_the_audit_did_not_run_is_a_declared_gap(bus: Bus, store: Store) -> None:
    await publish(bus, 9)
    await receive(bus, store, await stored(bus, 1, 2))
    for sequence in (3, 4, 5):
        await bus.delete("PROGRESS", sequence)

    await receive(bus, store, await stored(bus, 6, 7, 8))

    assert await gaps(store) == [{"stream": "PROGRESS", "first": 3, "last": 5}]
    assert await faults(store) == [], "the gap is a leaf of its own kind: of no message, and of all that were lost"


@pytest.mark.parametrize("order", [(3, 4, 5), (5, 3, 4), (4, 4, 3, 5)])
async def test_what_is_only_late_is_no_gap(bus: Bus, store: Store, order: tuple[int, ...]) -> None:
    await publish(bus, 5)
    await receive(bus, store, await stored(bus, 1, 2))

    await receive(bus, store, await stored(bus, *order))

    assert await gaps(store) == []


async def test_a_record_that_begins_with_a_later_message_declares_nothing(bus: Bus, store: Store) -> None:
    await publish(bus, 5)

    await receive(bus, store, await stored(bus, 4, 5))

    assert await gaps(store) == []


async def test_what_another_process_recorded_before_it_was_erased_is_no_gap(
    bus: Bus, store: Store, tmp_path: Path
) -> None:
    await publish(bus, 7)
    messages = await stored(bus, 1, 2, 3, 4, 5, 6, 7)
    app = create_app(store, bus, ledger_keys(tmp_path), {"PROGRESS": 1})
    (progress,) = [it for it in app.subscriptions if it.stream == "PROGRESS"]
    await store.add([messages[0], messages[1], messages[3]])
    for sequence in (2, 3, 4, 5):
        await bus.erase("PROGRESS", sequence)

    await progress.handle(messages[5])

    assert [(it["first"], it["last"]) for it in await gaps(store)] == [(3, 3), (5, 5)]
    assert await faults(store) == []
