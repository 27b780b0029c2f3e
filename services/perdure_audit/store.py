"""The audit record on disk: an append-only table, one row a message."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from perdure.bus import StoredMessage
from perdure.bus.limits import LARGEST_REPLY
from perdure.bus.topology import STREAMS
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecord, AuditRecordsQuery
from perdure.errors import InvalidMessage, Unavailable
from perdure.record.database import default_database, in_utc, size_of_ledger
from perdure_audit.migrate import lacks_migrations, migrate
from perdure_audit.records import records
from perdure_audit.search import search
from perdure_audit.transactions import WRITES, begin_at_once
from perdure_audit.writer import Writer, row_of

__all__ = ["FoundRecords", "Store", "open_store", "record_of"]

_ABOUT_DATA: Final = ("22", "54")  # of PostgreSQL: data exceptions, and what exceeds a limit of its pages
_ROWS_AT_ONCE: Final = 10  # of bodies that are read from the database together


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """What a query found.

    Attributes:
        records: Those that match and fit into one reply, oldest first.
        end: Position of the last record that was looked at, if there may be more.
    """

    records: tuple[AuditRecord, ...]
    end: int | None = None


class Store:
    """Writes and finds audit records.

    Attributes:
        engine: Connects to the database.
        writer: Adds rows and their leaves.
        problem: Why the last transaction was not written, as a sentence; empty if it was, or none was tried.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.writer = Writer(engine)
        self.problem = ""

    async def is_writable(self) -> bool:
        """Return whether the last transaction was written, or none was tried."""
        return not self.problem

    async def add(self, messages: Sequence[StoredMessage]) -> None:
        """Add messages and their leaves in one transaction; a message that is already there is not added again.

        Raises:
            InvalidMessage: The database never accepts one of them, or holds other content under its place and time.
            Unavailable: The database cannot be written right now.
        """
        now = datetime.now(UTC)
        try:
            await self.writer.add([row_of(message, now) for message in messages])
        except (SQLAlchemyError, OSError, OverflowError) as error:  # some drivers do not wrap a refused connection
            reason = getattr(error, "orig", None) or error  # the driver's message, without the statement and its rows
            if _is_about_data(error):
                raise InvalidMessage("bad_message", f"The audit store cannot hold it: {reason}") from error
            self.problem = f"The audit store cannot be written: {reason}"
            raise Unavailable(self.problem) from error
        self.problem = ""

    async def find(self, query: AuditRecordsQuery) -> FoundRecords:
        """Return the matching records that fit into one reply, oldest first.

        Without ``after`` they are the newest that match, else the oldest.
        """
        async with self.engine.connect() as connection:
            chosen = search(query, await _stored_at(connection, query.before))
            positions = list((await connection.execute(chosen.positions)).scalars())
            found, room = list[AuditRecord](), LARGEST_REPLY
            async for record in _read(connection, positions):
                fitting, size = _fitting(record)
                room -= size
                if room < 0 and found:
                    return _found(found, query, end=found[-1].position)
                found.append(fitting)
            if len(positions) == query.limit or chosen.end is None:
                return _found(found, query)
            return _found(found, query, end=(await connection.execute(chosen.end)).scalar())

    async def highest(self) -> dict[str, int]:
        """Return the highest recorded sequence of each stream as it is now, by name."""
        row = records.c
        newest = select(row.sequence).order_by(row.said_at.desc(), row.sequence.desc()).limit(1)
        async with self.engine.connect() as connection:
            found = {name: (await connection.execute(newest.where(row.stream == name))).scalar() for name in STREAMS}
        return {name: sequence for name, sequence in found.items() if sequence is not None}

    async def sequences(self, stream: str, first: int, last: int) -> Sequence[int]:
        """Return the recorded sequences of a stream from one to another, in order."""
        row = records.c
        query = select(row.sequence).distinct().where(row.stream == stream, row.sequence.between(first, last))
        async with self.engine.connect() as connection:
            return (await connection.execute(query.order_by(row.sequence))).scalars().all()

    async def count(self) -> int:
        """Return how many records were ever made: each has a leaf."""
        async with self.engine.connect() as connection:
            return await size_of_ledger(connection)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """Open the configured store, and create its table if there is none."""
    if settings.audit.database is None:
        (settings.state / "audit").mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(settings.audit.database or default_database(settings.state))
    begin_at_once(engine)
    try:
        async with engine.begin() as connection:
            is_new = await connection.run_sync(lacks_migrations)
        if is_new:
            async with engine.execution_options(**{WRITES: True}).begin() as connection:
                await connection.run_sync(migrate)
        yield Store(engine)
    finally:
        await engine.dispose()


def _is_about_data(error: Exception) -> bool:
    """Return whether the database can never hold what it was given; asyncpg says so by a state of class alone."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, DataError | OverflowError) or str(state)[:2] in _ABOUT_DATA


async def _stored_at(connection: AsyncConnection, position: int | None) -> datetime | None:
    """Return when the record at a position was stored, if there is one."""
    if position is None:
        return None
    return (await connection.execute(select(records.c.said_at).where(records.c.position == position))).scalar()


async def _read(connection: AsyncConnection, positions: Sequence[int]) -> AsyncIterator[AuditRecord]:
    """Yield the records at positions in their order."""
    for first in range(0, len(positions), _ROWS_AT_ONCE):
        part = positions[first : first + _ROWS_AT_ONCE]
        rows = await connection.execute(select(records).where(records.c.position.in_(part)))
        found = {row["position"]: record_of(row) for row in rows.mappings()}
        for position in part:
            if position in found:  # a row may be removed meanwhile
                yield found[position]


def _found(found: list[AuditRecord], query: AuditRecordsQuery, end: int | None = None) -> FoundRecords:
    return FoundRecords(tuple(found if query.after is not None else reversed(found)), end)


def record_of(row: RowMapping) -> AuditRecord:
    """Return a row of the table of records."""
    return AuditRecord.model_validate({**row, "stored_at": in_utc(row["said_at"]), "erased": row["salt"] is None})


def _fitting(record: AuditRecord) -> tuple[AuditRecord, int]:
    """Return a record that fits into a reply, without body or headers if need be, and its bytes there."""
    for left_out in ({}, {"body": b"", "body_left_out": True}, {"body": b"", "body_left_out": True, "headers": {}}):
        fitting = record.model_copy(update=left_out)
        if (size := len(fitting.model_dump_json())) <= LARGEST_REPLY:
            break
    return fitting, size
