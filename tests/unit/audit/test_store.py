"""Queries of the audit store, on SQLite."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecordsQuery
from perdure.errors import InvalidMessage
from perdure.ledger import Verification
from perdure.record.database import leaves_of
from perdure_audit.store import open_store

NUL = chr(0)
TABLE_OF_0_1 = """
CREATE TABLE records (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, stream VARCHAR NOT NULL, sequence INTEGER NOT NULL,
    subject VARCHAR NOT NULL, said_at DATETIME NOT NULL, heard_at DATETIME NOT NULL, headers JSON NOT NULL,
    body BLOB NOT NULL, UNIQUE (stream, sequence)
);
CREATE INDEX ix_records_subject ON records (subject);
INSERT INTO records VALUES
    (3, 'EVENTS', 1, 'events.a', '2026-11-26 00:00:00.000000', '2026-11-26 00:00:01.000000', '{"h": "v"}', x'7b7d'),
    (5, 'EVENTS', 2, 'events.a', '2026-11-26 00:00:00.000000', '2026-11-26 00:00:01.000000', '{}', x'7b7d'),
    (7, 'EVENTS', 3, 'events.a', '2026-11-26 00:00:00.000000', '2026-11-26 00:00:01.000000', '{}', x'7b7d');
DELETE FROM records WHERE position = 7;
"""
BEGAN = datetime(2026, 11, 26, tzinfo=UTC)
SUBJECTS = ("progress.Order.Order-1", "progress.Order.Order-12", "decisions.Order-1", "progress.Refund.Order-1")


def stored(number: int, subject: str) -> StoredMessage:
    stream = "DECISIONS" if subject.startswith("decisions") else "PROGRESS"
    raw = RawMessage(subject, b"{}", {})
    return StoredMessage(raw, stream=stream, sequence=number, stored_at=BEGAN + timedelta(hours=number), pending=0)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [0, 1, 2, 3]),
        ({"tokens": ("Order-1",)}, [0, 2, 3]),  # a whole token: Order-12 is another run
        ({"tokens": ("Order", "Order-1")}, [0]),
        ({"subject": "rder-1"}, [0, 1, 2, 3]),
        ({"stream": "DECISIONS"}, [2]),
        ({"since": BEGAN + timedelta(hours=2)}, [2, 3]),
        ({"since": BEGAN + timedelta(hours=1), "until": BEGAN + timedelta(hours=3)}, [1, 2]),
        ({"limit": 1}, [3]),
        ({"after": 1, "limit": 2}, [1, 2]),
    ],
)
async def test_records_are_filtered_by_token_stream_and_time(
    audited: Settings, query: dict[str, Any], found: list[int]
) -> None:
    async with open_store(audited) as store:
        await store.add([stored(number, subject) for number, subject in enumerate(SUBJECTS)])

        records = (await store.find(AuditRecordsQuery(**query))).records

    assert [record.sequence for record in records] == found


async def test_a_null_character_is_recorded_as_an_escape(audited: Settings) -> None:
    """PostgreSQL stores none, neither in text nor in JSON."""
    raw = RawMessage(f"events.a{NUL}", b"\0", {f"h{NUL}": f"v{NUL}"})
    async with open_store(audited) as store:
        await store.add([StoredMessage(raw, "EVENTS", 1, BEGAN, pending=0)])

        (record,) = (await store.find(AuditRecordsQuery())).records

    assert (record.subject, record.headers, record.body) == ("events.a\\0", {"h\\0": "v\\0"}, b"\0")


async def test_a_message_is_recorded_once_however_often_it_comes(audited: Settings) -> None:
    again = stored(1, "decisions.Order-1")
    async with open_store(audited) as store:
        for batch in ([again, again], [again, stored(2, "decisions.Order-1")]):
            await store.add(batch)

        assert await store.count() == 2


async def test_a_stream_that_was_made_anew_is_recorded_as_well(audited: Settings) -> None:
    first = stored(1, "decisions.Order-1")
    async with open_store(audited) as store:
        for message in (first, replace(first, stored_at=first.stored_at + timedelta(microseconds=1))):
            await store.add([message])

        found = (await store.find(AuditRecordsQuery())).records

    assert [(record.position, record.sequence) for record in found] == [(1, 1), (2, 1)]


@pytest.mark.parametrize("other", [{"body": b"[]"}, {"subject": "decisions.Order-2"}, {"headers": {"a": "b"}}])
async def test_other_content_at_the_same_place_and_time_is_an_alarm(
    audited: Settings, caplog: pytest.LogCaptureFixture, other: dict[str, Any]
) -> None:
    first, second = stored(1, "decisions.Order-1"), stored(2, "decisions.Order-1")
    changed = replace(first, raw=replace(first.raw, **other))
    async with open_store(audited) as store:
        await store.add([first])

        with pytest.raises(
            InvalidMessage, match=f"DECISIONS 1 of .*, position 1, has another {next(iter(other))}"
        ) as it:
            await store.add([second, changed])

        assert await store.count() == 1, "the recorder adds each by itself, and only the changed one fails"
    assert it.value.reason == "record_differs"
    assert "either the record or the stream was changed" in caplog.text


async def test_a_database_of_0_1_opens_with_its_rows_and_positions(tmp_path: Path) -> None:
    file = tmp_path / "audit" / "audit.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(TABLE_OF_0_1)

    for _ in range(2):
        async with open_store(Settings(state=tmp_path)) as store:
            assert [it.position for it in (await store.find(AuditRecordsQuery())).records][:2] == [3, 5]
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([stored(2, "decisions.Order-1")])
        known = StoredMessage(RawMessage("events.a", b"{}", {"h": "v"}), "EVENTS", 1, BEGAN, pending=0)
        await store.add([known, replace(known, stored_at=BEGAN + timedelta(seconds=1))])
        found = (await store.find(AuditRecordsQuery())).records

    assert [(it.position, it.stream, it.sequence) for it in found] == [
        (3, "EVENTS", 1),
        (5, "EVENTS", 2),
        (9, "EVENTS", 1),
        (8, "DECISIONS", 2),
    ]


async def test_a_store_opens_while_others_write_if_there_is_nothing_to_migrate(tmp_path: Path) -> None:
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([stored(1, "decisions.Order-1")])
        [file] = tmp_path.rglob("*.db")
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")

            async with open_store(Settings(state=tmp_path)) as other:
                assert await other.count() == 1


async def test_a_changed_row_differs_from_its_leaf_and_no_service_notices(tmp_path: Path) -> None:
    """Once a command verifies the ledger, `deploy/threat-model.md` names it."""
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([stored(1, "decisions.Order-1")])
        [file] = tmp_path.rglob("*.db")
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("UPDATE records SET subject = 'decisions.Order-2'")

        (record,) = (await store.find(AuditRecordsQuery())).records
        async with store.engine.connect() as connection:
            [[leaf]] = [leaves async for leaves in leaves_of(connection)]

    verification = Verification([])
    verification.take(*leaf)
    assert record.subject == "decisions.Order-2"
    assert verification.faults()[0].text == "The record of DECISIONS:1, leaf 0, was changed."


async def test_a_reply_holds_what_fits_and_says_that_there_is_more(audited: Settings) -> None:
    bodies = [b"x" * 250_000] * 5 + [b"y" * 5_000_000, b"z"]
    messages = [
        StoredMessage(RawMessage("events.a", body, {}), "EVENTS", number, BEGAN, pending=0)
        for number, body in enumerate(bodies, start=1)
    ]
    async with open_store(audited) as store:
        await store.add(messages)
        newest = await store.find(AuditRecordsQuery())
        before = await store.find(AuditRecordsQuery(before=newest.end))
        after = await store.find(AuditRecordsQuery(after=0))

    assert ([it.position for it in newest.records], newest.end) == ([5, 6, 7], 5)
    assert [(it.body[:1], it.body_left_out) for it in newest.records] == [(b"x", False), (b"", True), (b"z", False)]
    assert ([it.position for it in before.records], before.end) == ([4], 4)
    assert ([it.position for it in after.records], after.end) == ([1], 1)
