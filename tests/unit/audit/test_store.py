"""Queries of the audit store, on SQLite."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.bus import RawMessage, StoredMessage
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecordsQuery
from perdure_audit.store import open_store

NUL = chr(0)
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
    tmp_path: Path, query: dict[str, Any], found: list[int]
) -> None:
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([stored(number, subject) for number, subject in enumerate(SUBJECTS)])

        records, _ = await store.find(AuditRecordsQuery(**query))

    assert [record.sequence for record in records] == found


async def test_a_null_character_is_recorded_as_an_escape(tmp_path: Path) -> None:
    """PostgreSQL stores none, neither in text nor in JSON."""
    raw = RawMessage(f"events.a{NUL}", b"\0", {f"h{NUL}": f"v{NUL}"})
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([StoredMessage(raw, "EVENTS", 1, BEGAN, pending=0)])

        ((record,), _) = await store.find(AuditRecordsQuery())

    assert (record.subject, record.headers, record.body) == ("events.a\\0", {"h\\0": "v\\0"}, b"\0")


async def test_nothing_notices_yet_that_a_row_was_changed(tmp_path: Path) -> None:
    """Once rows are chained, this fails: then `deploy/threat-model.md` has a sentence less."""
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add([stored(1, "decisions.Order-1")])
        [file] = tmp_path.rglob("*.db")
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("UPDATE records SET subject = 'decisions.Order-2'")

        ((record,), _) = await store.find(AuditRecordsQuery())

    assert record.subject == "decisions.Order-2"


async def test_a_reply_holds_what_fits_and_says_that_there_is_more(tmp_path: Path) -> None:
    bodies = [b"x" * 250_000] * 5 + [b"y" * 5_000_000, b"z"]
    messages = [
        StoredMessage(RawMessage("events.a", body, {}), "EVENTS", number, BEGAN, pending=0)
        for number, body in enumerate(bodies, start=1)
    ]
    async with open_store(Settings(state=tmp_path)) as store:
        await store.add(messages)
        newest, more = await store.find(AuditRecordsQuery())
        before, more_before = await store.find(AuditRecordsQuery(before=newest[0].position))
        after, _ = await store.find(AuditRecordsQuery(after=0))

    assert ([it.position for it in newest], more) == ([5, 6, 7], True)
    assert [(it.body[:1], it.body_left_out) for it in newest] == [(b"x", False), (b"", True), (b"z", False)]
    assert ([it.position for it in before], more_before) == ([4], True)
    assert [it.position for it in after] == [1]
