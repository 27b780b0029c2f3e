"""The audit record on disk: an append-only table, one row a message."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from perdure.bus import StoredMessage
from perdure.bus.limits import LARGEST_REPLY
from perdure.bus.topology import STREAMS
from perdure.config.settings import Settings
from perdure.contracts.audit import AuditRecord, AuditRecordsQuery
from perdure.errors import InvalidMessage, Unavailable
from perdure.record.database import default_database
from perdure_audit.event_messages import is_about
from perdure_audit.filters import filters
from perdure_audit.migrate import lacks_migrations, migrate
from perdure_audit.records import records
from perdure_audit.transactions import WRITES, begin_at_once
from perdure_audit.writer import Writer, row_of

__all__ = ["Store", "open_store"]


class Store:
    """Writes and finds audit records.

    Attributes:
        engine: Connects to the database.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._writer = Writer(engine)
        self._is_writable = True
        self._position = func.pg_catalog.position if engine.dialect.name == "postgresql" else func.instr

    async def is_writable(self) -> bool:
        """Return whether the last transaction was written, or none was tried."""
        return self._is_writable

    async def add(self, messages: Sequence[StoredMessage]) -> None:
        """Add messages and their leaves in one transaction; a message that is already there is not added again.

        Raises:
            InvalidMessage: The database never accepts one of them, or holds other content under its place and time.
            Unavailable: The database cannot be written right now.
        """
        now = datetime.now(UTC)
        try:
            await self._writer.add([row_of(message, now) for message in messages])
        except (SQLAlchemyError, OSError, OverflowError) as error:  # some drivers do not wrap a refused connection
            reason = getattr(error, "orig", None) or error  # the driver's message, without the statement and its rows
            if _is_about_data(error):
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
        async with self.engine.connect() as connection, connection.stream(rows) as result:
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
        async with self.engine.connect() as connection:
            found = {name: (await connection.execute(query)).scalar() for name, query in newest.items()}
        return {name: sequence for name, sequence in found.items() if sequence is not None}

    async def count(self) -> int:
        """Return how many messages are recorded."""
        async with self.engine.connect() as connection:
            return (await connection.execute(select(func.count()).select_from(records))).scalar_one()


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
    """Return whether the database can never hold what it was given; asyncpg says so by a state of class 22 alone."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(error, DataError | OverflowError) or str(state).startswith("22")


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
