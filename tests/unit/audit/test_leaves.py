"""Each recorded message has one leaf, and the tree over them only ever grows: on both databases."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import create_async_engine

from perdure.bus import RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.errors import InvalidMessage
from perdure.ledger import GrowingTree, leaf_hash
from perdure_audit.leaves import grown_tree
from perdure_audit.records import leaves, metadata, records, tiles
from perdure_audit.store import Store, open_store
from perdure_audit.writer import Row, entry_of

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


def message(number: int, stream: str = "EVENTS") -> StoredMessage:
    return StoredMessage(RawMessage("events.a", b"%d" % number, {"ce-id": "1"}), stream, number, BEGAN, pending=0)


async def ledger_of(settings: Settings) -> tuple[list[bytes], list[Row], list[tuple[int, int]]]:
    """Return the entries by index, the rows by leaf and the keys of the tiles, as they stand in the database."""
    async with open_store(settings) as store, store.engine.connect() as connection:
        found = (await connection.execute(select(leaves).order_by(leaves.c.leaf))).all()
        assert [row.leaf for row in found] == list(range(len(found)))
        rows = (await connection.execute(select(records).order_by(records.c.leaf))).mappings().all()
        keys = (await connection.execute(select(tiles.c.level, tiles.c.number))).all()
        tree = GrowingTree()
        tree.append(leaf_hash(row.entry) for row in found)
        assert (await grown_tree(connection, len(found))).root() == tree.root()
    return [row.entry for row in found], [dict(row) for row in rows], [(level, number) for level, number in keys]


def entry_again(row: Row) -> bytes:
    return entry_of({**row, "said_at": row["said_at"].replace(tzinfo=UTC)})  # SQLite keeps no zone; all are UTC


async def test_each_message_has_one_leaf_in_the_order_of_recording(audited: Settings) -> None:
    async with open_store(audited) as store:
        await store.add([message(number) for number in range(1, 301)])
        await store.add([message(300), message(301), message(301), message(1)])
        await store.add([message(2)])
    async with open_store(audited) as store:
        await store.add([message(number) for number in range(302, 601)])

    entries, rows, keys = await ledger_of(audited)

    assert [row["sequence"] for row in rows] == list(range(1, 601))
    assert [row["leaf"] for row in rows] == list(range(600))
    assert [entry_again(row) for row in rows] == entries
    assert sorted(keys) == [(0, 0), (0, 1)]


async def test_two_processes_that_record_the_same_messages_make_one_ledger(audited: Settings) -> None:
    async def record(store: Store, first: int) -> None:
        for number in range(first, 400, 7):
            await store.add([message(it) for it in range(number, min(number + 9, 400))])

    async with open_store(audited) as one, open_store(audited) as other:
        await asyncio.gather(*(record(store, first) for store in (one, other) for first in (1, 4)))

    entries, rows, _ = await ledger_of(audited)

    assert sorted(row["sequence"] for row in rows) == list(range(1, 400))
    assert [entry_again(row) for row in rows] == entries


async def test_a_failed_transaction_leaves_no_trace_in_the_tree(audited: Settings) -> None:
    async with open_store(audited) as store:
        await store.add([message(1)])
        with pytest.raises(InvalidMessage, match="The audit store cannot hold it"):
            await store.add([message(2), message(2**70)])  # refused after their leaves were added
        await store.add([message(3)])

    entries, rows, _ = await ledger_of(audited)

    assert [entry_again(row) for row in rows] == entries
    assert [row["sequence"] for row in rows] == [1, 3]


async def test_the_migrations_make_the_tables_that_the_code_knows(audited: Settings) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with open_store(audited):
        engine = create_async_engine(audited.audit.database or f"sqlite+aiosqlite:///{audited.state}/audit/audit.db")
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
        await engine.dispose()

    assert found == []


async def test_what_was_recorded_before_the_ledger_gets_its_leaves(tmp_path: Path) -> None:
    file = tmp_path / "audit" / "audit.db"
    file.parent.mkdir()
    times = [(BEGAN + timedelta(seconds=number)).strftime("%Y-%m-%d %H:%M:%S.%f") for number in range(3000)]
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE records (position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, stream VARCHAR NOT NULL,"
            " sequence INTEGER NOT NULL, subject VARCHAR NOT NULL, said_at DATETIME NOT NULL,"
            " heard_at DATETIME NOT NULL, headers JSON NOT NULL, body BLOB NOT NULL, UNIQUE (stream, sequence))"
        )
        database.execute("CREATE INDEX ix_records_subject ON records (subject)")
        rows = [("EVENTS", number, "events.a", time, time, '{"h": "v"}', b"{}") for number, time in enumerate(times)]
        database.executemany("INSERT INTO records VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", rows)

    entries, kept, keys = await ledger_of(Settings(state=tmp_path))

    assert [row["sequence"] for row in kept] == list(range(3000))
    assert [entry_again(row) for row in kept] == entries
    assert sorted(keys) == [(0, number) for number in range(11)]
