"""The audit record on disk: an append-only table, one row a message."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import and_, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, RowMapping
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from perdure.bus import StoredMessage
from perdure.bus.limits import LARGEST_REPLY
from perdure.bus.topology import STREAMS
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecord, AuditRecordsQuery
from perdure.errors import InvalidMessage, Unavailable
from perdure_audit.event_messages import is_about
from perdure_audit.filters import filters
from perdure_audit.migration import create_or_migrate
from perdure_audit.records import KEY, records

__all__ = ["Store", "open_store"]


_CONTENT: Final = ("subject", "headers", "body")

_log = logging.getLogger(__name__)


class Store:
    """Writes and finds audit records."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._is_writable = True
        # PostgreSQL and SQLite share the syntax of `ON CONFLICT DO NOTHING`, each in its own dialect of SQLAlchemy.
        on_postgresql = engine.dialect.name == "postgresql"
        dialect = postgresql if on_postgresql else sqlite
        self._insert = dialect.insert(records).on_conflict_do_nothing(index_elements=KEY).returning(records.c.position)
        self._position = func.pg_catalog.position if on_postgresql else func.instr

    async def is_writable(self) -> bool:
        """Return whether the last transaction was written, or none was tried."""
        return self._is_writable

    async def add(self, messages: Sequence[StoredMessage]) -> None:
        """Add messages in one transaction; a message that is already there is not added again.

        Raises:
            InvalidMessage: The database never accepts one of them, or holds other content under its place and time.
            Unavailable: The database cannot be written right now.
        """
        now = datetime.now(UTC)
        rows = [
            {
                "stream": message.stream,
                "sequence": message.sequence,
                "subject": _text(message.raw.subject),
                "said_at": message.stored_at,
                "heard_at": now,
                "headers": {_text(name): _text(value) for name, value in message.raw.headers.items()},
                "body": message.raw.body,
            }
            for message in messages
        ]
        try:
            async with self._engine.begin() as connection:
                added = (await connection.execute(self._insert, rows)).all()
                if len(added) < len(rows):
                    await _refuse_other_content(connection, rows)
        except (SQLAlchemyError, OSError) as error:  # some drivers do not wrap a refused connection
            reason = getattr(error, "orig", None) or error  # the driver's message, without the statement and its rows
            if isinstance(error, DataError):
                raise InvalidMessage("bad_message", f"The audit store cannot hold it: {reason}") from error
            self._is_writable = False
            raise Unavailable(f"The audit store cannot be written: {reason}") from error
        self._is_writable = True

    async def find(self, query: AuditRecordsQuery) -> tuple[list[AuditRecord], bool]:
        """Return the matching records that fit into one reply, oldest first, and whether more match than fit.

        Without ``after`` they are the newest that match, else the oldest.
        """
        rows = select(records).where(*filters(query, self._position))
        if query.event is None:
            rows = rows.limit(query.limit)
        if query.after is None:
            rows = rows.order_by(records.c.position.desc())
        else:
            rows = rows.where(records.c.position > query.after).order_by(records.c.position)
        found: list[AuditRecord] = []
        room, more = LARGEST_REPLY, False
        async with self._engine.connect() as connection, connection.stream(rows) as result:
            async for row in result.mappings():
                record = _record(row)
                if query.event is not None and not is_about(record, query.event):
                    continue
                fitting, size = _fitting(record)
                room -= size
                if more := room < 0 and bool(found):
                    break
                found.append(fitting)
                if len(found) == query.limit:
                    break
        return sorted(found, key=lambda record: record.position), more

    async def highest(self) -> dict[str, int]:
        """Return the highest recorded sequence of each stream, by name."""
        newest = {name: select(func.max(records.c.sequence)).where(records.c.stream == name) for name in STREAMS}
        async with self._engine.connect() as connection:
            found = {name: (await connection.execute(query)).scalar() for name, query in newest.items()}
        return {name: sequence for name, sequence in found.items() if sequence is not None}

    async def count(self) -> int:
        """Return how many messages are recorded."""
        async with self._engine.connect() as connection:
            return (await connection.execute(select(func.count()).select_from(records))).scalar_one()


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the configured store, and create its table if there is none."""
    engine = create_async_engine(settings.audit.database or _sqlite_url(settings.state))
    try:
        async with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            await connection.run_sync(create_or_migrate)
        yield Store(engine)
    finally:
        await engine.dispose()


async def _refuse_other_content(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Raise if a record has other content than a message that claims its place and time."""
    for row in rows:
        same_key = and_(*(records.c[name] == row[name] for name in KEY))
        found = (await connection.execute(select(records).where(same_key))).mappings().one()
        if differing := [name for name in _CONTENT if found[name] != row[name]]:
            place = f"{row['stream']} {row['sequence']} of {row['said_at'].isoformat()}"
            problem = f"the audit record of {place}, position {found['position']}, has another {differing[0]}"
            _log.error("%s: either the record or the stream was changed", problem)
            raise InvalidMessage("record_differs", f"{problem[0].upper()}{problem[1:]}.")


def _record(row: RowMapping) -> AuditRecord:
    stored_at: datetime = row["said_at"]
    if stored_at.tzinfo is None:  # SQLite keeps no time zone; every stored time is UTC
        stored_at = stored_at.replace(tzinfo=UTC)
    return AuditRecord.model_validate({**row, "stored_at": stored_at})


def _fitting(record: AuditRecord) -> tuple[AuditRecord, int]:
    """Return a record that fits into a reply, without body or headers if need be, and its bytes there."""
    for left_out in ({}, {"body": b"", "body_left_out": True}, {"body": b"", "body_left_out": True, "headers": {}}):
        fitting = record.model_copy(update=left_out)
        if (size := len(fitting.model_dump_json())) <= LARGEST_REPLY:
            break
    return fitting, size


def _text(text: str) -> str:
    """Return text that PostgreSQL stores: without NUL, which stands there as the escape that one reads."""
    return text.replace("\0", "\\0")


def _sqlite_url(state: Path) -> URL:
    folder = state.resolve() / "audit"
    folder.mkdir(parents=True, exist_ok=True)
    return URL.create("sqlite+aiosqlite", database=str(folder / "audit.db"))  # as text, `?` would end the path
