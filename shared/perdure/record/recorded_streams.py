"""The streams as an exported record has them: read as those of a server are, without one."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from perdure.bus.content import Content
from perdure.bus.envelope import RawMessage, decode
from perdure.bus.port import StoredMessage
from perdure.bus.subject_patterns import matches
from perdure.bus.topology import stream_of
from perdure.contracts import DeadLetterSettled
from perdure.errors import InvalidMessage
from perdure.ledger import Kept

__all__ = ["RecordedStreams"]

_SCHEMA: Final = """
CREATE TABLE messages (
    stream TEXT, sequence INTEGER, stored_at INTEGER, subject TEXT, end TEXT, headers TEXT, body BLOB, leaf INTEGER
)"""
_INDICES: Final = (
    "CREATE UNIQUE INDEX by_place ON messages (stream, sequence, stored_at)",
    "CREATE INDEX by_end ON messages (stream, end, sequence)",
)
_INSERT: Final = "INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_COLUMNS: Final = "stream, sequence, stored_at, subject, headers, body"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PAGES: Final = 16_384  # of 4 KiB that stay in memory
_WILD: Final = frozenset("*>")


class RecordedStreams:
    """What a record keeps of each message, in a table that only this object has; most of it lies on disk.

    A dead letter that was settled, and a message whose body was erased, is not in its stream.

    Args:
        records: What is kept of each message, with the index of its leaf.
        content: Decrypts the content of facts.

    Attributes:
        content: The same.
    """

    def __init__(self, records: Iterable[tuple[int, Kept]], content: Content | None = None) -> None:
        self.content = content or Content()
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute(f"PRAGMA cache_size = {_PAGES}")
        self._table.create_function("matches", 2, matches, deterministic=True)
        self._table.execute(_SCHEMA)
        self._table.execute("BEGIN")
        self._table.execute(_INDICES[0])
        self._table.executemany(_INSERT, map(_row, records))
        self._table.execute(_INDICES[1])
        self._table.execute("COMMIT")
        self._leave_out()

    def leaves_of(self, places: Iterable[str]) -> dict[str, int]:
        """Return the indices of the leaves of messages by their places; unknown ones are left out."""
        query = "SELECT leaf FROM messages WHERE stream = ? AND sequence = ?"
        found = {place: self._table.execute(query, place.split(":")).fetchone() for place in places}
        return {place: row[0] for place, row in found.items() if row is not None}

    async def read(self, subject: str, *, last_only: bool = False) -> AsyncIterator[StoredMessage]:
        """Yield the messages; see ``ReadableStreams.read``."""
        newest = {it.raw.subject: it.sequence for it in self._found(subject)} if last_only else {}
        for message in self._found(subject):
            if not last_only or newest[message.raw.subject] == message.sequence:
                yield message

    async def read_range(
        self, subject: str, *, first: int, last: int, bodies: bool = True
    ) -> AsyncGenerator[StoredMessage]:
        """Yield the messages of a range; see ``ReadableStreams.read_range``."""
        for message in self._found(subject, "sequence BETWEEN ? AND ?", first, last, bodies=bodies):
            yield message

    async def get(self, stream: str, sequence: int) -> StoredMessage | None:
        """Return a message; see ``ReadableStreams.get``."""
        query = f"SELECT {_COLUMNS} FROM messages WHERE stream = ? AND sequence = ? AND body IS NOT NULL"  # noqa: S608 (a constant)
        return next(map(_message, self._table.execute(query, (stream, sequence))), None)

    async def first(self, subject: str, *, after: int = 0) -> StoredMessage | None:
        """Return the oldest message after a sequence; see ``ReadableStreams.first``."""
        return next(self._found(subject, "sequence > ?", after), None)

    async def first_since(self, subject: str, time: datetime) -> StoredMessage | None:
        """Return the oldest message since a time; see ``ReadableStreams.first_since``."""
        return next(self._found(subject, "stored_at >= ?", _microseconds(time)), None)

    async def last(self, subject: str) -> StoredMessage | None:
        """Return the newest message; see ``ReadableStreams.last``."""
        return next(self._found(subject, descending=True), None)

    async def count_by_subject(self, subject: str) -> dict[str, int]:
        """Count messages by subject; see ``ReadableStreams.count_by_subject``."""
        where, values = _condition(subject)
        query = f"SELECT subject FROM messages WHERE {where} AND body IS NOT NULL"  # noqa: S608 (values are bound)
        return dict(Counter(name for (name,) in self._table.execute(query, values)))

    def _found(
        self, subject: str, also: str = "TRUE", *values: int, descending: bool = False, bodies: bool = True
    ) -> Iterator[StoredMessage]:
        where, own = _condition(subject)
        order = "DESC" if descending else "ASC"
        columns = _COLUMNS if bodies else _COLUMNS.replace("body", "x''")
        query = (
            f"SELECT {columns} FROM messages WHERE {where} AND {also} AND body IS NOT NULL ORDER BY sequence {order}"  # noqa: S608 (values are bound)
        )
        return map(_message, self._table.execute(query, (*own, *values)))

    def _leave_out(self) -> None:
        """Take the dead letters out of DLQ that operators have settled."""
        settled = []
        for message in self._found("admin.dead_letter.*"):
            try:
                act = decode(message.raw)
            except InvalidMessage:  # one of a newer version
                continue
            if isinstance(act, DeadLetterSettled):
                settled.append((act.number,))
        self._table.executemany("UPDATE messages SET body = NULL WHERE stream = 'DLQ' AND sequence = ?", settled)


def _condition(subject: str) -> tuple[str, tuple[Any, ...]]:
    """Return what a row must fulfil to match a subject or pattern, and the values of that."""
    stream, end = stream_of(subject), subject.rpartition(".")[2]
    if not _WILD & set(subject):
        return "stream = ? AND end = ? AND subject = ?", (stream.name, end, subject)
    if subject in stream.patterns:
        return "stream = ?", (stream.name,)
    if not _WILD & set(end):
        return "stream = ? AND end = ? AND matches(?, subject)", (stream.name, end, subject)
    return "stream = ? AND matches(?, subject)", (stream.name, subject)


def _row(record: tuple[int, Kept]) -> tuple[Any, ...]:
    leaf, it = record
    end = it.subject.rpartition(".")[2]
    headers = json.dumps(dict(it.headers))
    return it.stream, it.sequence, _microseconds(it.stored_at), it.subject, end, headers, it.body, leaf


def _message(row: tuple[Any, ...]) -> StoredMessage:
    stream, sequence, stored_at, subject, headers, body = row
    raw = RawMessage(subject, body, json.loads(headers))
    return StoredMessage(raw, stream, sequence, _EPOCH + stored_at * _MICROSECOND, pending=0)


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
