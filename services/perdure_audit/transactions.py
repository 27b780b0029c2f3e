"""Write transactions on SQLite that begin as such: Python's driver begins them only at the first row that is written.

One that reads before it writes would fail where another process has written in between, instead of waiting for it.
"""

import asyncio
from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["WRITES", "begin_at_once", "overwrite"]

WRITES: Final = "perdure_writes"
"""The execution option of an engine whose transactions write."""


_OUTSIDE: Final = "perdure_outside"  # of any transaction
_TRIES: Final = 10
_PAUSE: Final = 0.1  # seconds in which those who read now are done


def begin_at_once(engine: AsyncEngine) -> None:
    """Let an engine's transactions on SQLite begin when they say so, and those with ``WRITES`` lock the file."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten in the file
    cursor.close()


async def overwrite(engine: AsyncEngine) -> None:
    """Remove from the files of the database what was deleted or changed before, as far as nobody reads it just now."""
    if engine.dialect.name == "postgresql":
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            await connection.exec_driver_sql("VACUUM records")
        return
    for _ in range(_TRIES):
        async with engine.execution_options(**{_OUTSIDE: True}).connect() as connection:
            is_busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).scalar_one()
        if not is_busy:
            return
        await asyncio.sleep(_PAUSE)


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get(_OUTSIDE):
        return
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
