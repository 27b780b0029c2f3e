"""Writes messages and their leaves: both in one transaction, so that neither is ever there without the other."""

import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure.bus import StoredMessage
from perdure.errors import InvalidMessage
from perdure.ledger import SALT, Kept, record_entry
from perdure.record.database import size_of_ledger
from perdure_audit.inserts import Insert
from perdure_audit.leaves import Leaves, lock
from perdure_audit.marks import marks_of
from perdure_audit.records import KEY, records
from perdure_audit.transactions import WRITES

__all__ = ["Row", "Writer", "entry_of", "row_of"]

Row = dict[str, Any]
"""A row of the table of records, without its position."""

_CONTENT: Final = ("subject", "headers", "body")
_KEPT: Final = ("subject",)  # of a record whose content was erased

_log = logging.getLogger(__name__)


class Writer:
    """Adds rows and their leaves."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(**{WRITES: True})
        self._leaves = Leaves(engine.dialect)
        self._insert = Insert(records, [it.name for it in records.c if it.name != "position"], engine.dialect)

    async def add(self, rows: Sequence[Row]) -> None:
        """Add rows in one transaction; one that is already there is not added again.

        Raises:
            InvalidMessage: A record has other content than a row that claims its place and time.
            sqlalchemy.exc.SQLAlchemyError: The database refuses them, or cannot be written right now.
        """
        try:
            await self._write(rows)
        except IntegrityError:  # rare: a message that was delivered again
            await self._write(rows, known=True)

    async def add_own(self, make: Callable[[AsyncConnection], Awaitable[Row]]) -> int:
        """Add a record of the audit's own, which is made while no other process appends; return its leaf.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database refuses it, or cannot be written right now.
        """
        async with self.alone() as connection:
            leaf = await size_of_ledger(connection)
            await self._insert_rows(connection, [await make(connection)])
        return leaf

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction in which no other process appends.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be written right now.
        """
        try:
            async with self._engine.begin() as connection:
                await lock(connection)
                yield connection
        except BaseException:
            self._leaves.forget()
            raise

    async def _write(self, rows: Sequence[Row], *, known: bool = False) -> None:
        async with self.alone() as connection:
            await self._insert_rows(connection, await _unknown(connection, rows) if known else rows)
            if known:
                await _refuse_other_content(connection, rows)

    async def _insert_rows(self, connection: AsyncConnection, rows: Sequence[Row]) -> None:
        if not rows:
            return
        first = await self._leaves.append(connection, [entry_of(row) for row in rows])
        await self._insert(connection, [{**row, "leaf": first + number} for number, row in enumerate(rows)])


def row_of(message: StoredMessage, now: datetime) -> Row:
    """Return the row of a message that was received now, with a new salt."""
    return {
        "stream": message.stream,
        "sequence": message.sequence,
        "subject": _text(message.raw.subject),
        "said_at": message.stored_at,
        "heard_at": now,
        "headers": {_text(name): _text(value) for name, value in message.raw.headers.items()},
        "body": message.raw.body,
        "salt": secrets.token_bytes(SALT),
        **marks_of(message.stream, message.sequence, message.stored_at, message.raw)._asdict(),
    }


def entry_of(row: Row) -> bytes:
    """Return the entry of a row in the ledger."""
    names = ("stream", "sequence", "said_at", "subject", "headers", "body", "salt")
    return record_entry(Kept(*(row[name] for name in names)))


async def _unknown(connection: AsyncConnection, rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are not recorded, each once."""
    unknown = {tuple(row[name] for name in KEY): row for row in rows if not await _recorded(connection, row)}
    return list(unknown.values())


async def _refuse_other_content(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    """Raise if a record has other content than a message that claims its place and time."""
    for row in rows:
        [found] = await _recorded(connection, row)
        compared = (
            _CONTENT if found["salt"] is not None else _KEPT
        )  # a message may be delivered again after its erasure
        if differing := [name for name in compared if found[name] != row[name]]:
            place = f"{row['stream']} {row['sequence']} of {row['said_at'].isoformat()}"
            problem = f"the audit record of {place}, position {found['position']}, has another {differing[0]}"
            _log.error("%s: either the record or the stream was changed", problem)
            raise InvalidMessage("record_differs", f"{problem[0].upper()}{problem[1:]}.")


async def _recorded(connection: AsyncConnection, row: Row) -> Sequence[RowMapping]:
    same_key = and_(*(records.c[name] == row[name] for name in KEY))
    return (await connection.execute(select(records).where(same_key))).mappings().all()


def _text(text: str) -> str:
    """Return text that PostgreSQL stores: without NUL, which stands there as the escape that one reads."""
    return text.replace("\0", "\\0")
