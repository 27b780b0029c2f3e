"""Write transactions on SQLite that begin as such: Python's driver begins them only at the first row that is written.

One that reads before it writes would fail where another process has written in between, instead of waiting for it.
"""

from typing import Any, Final

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["WRITES", "begin_at_once"]

WRITES: Final = "perdure_writes"
"""The execution option of an engine whose transactions write."""


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
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
