"""Reads the audit database directly, without the audit service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import URL, column, select, table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from perdure.config.settings import Settings
from perdure.verify.records import Recorded

__all__ = ["open_store", "read_records"]

_RECORDS: Final = table("records", column("stream"), column("sequence"), column("subject"), column("body"))
_ROWS_PER_FETCH: Final = 1_000


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the configured audit database; SQLite is opened read-only."""
    engine = create_async_engine(settings.audit.database or _sqlite_in(settings.state))
    try:
        yield engine
    finally:
        await engine.dispose()


async def read_records(store: AsyncEngine) -> list[Recorded]:
    """Return all audit records.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
    """
    found = []
    async with store.connect() as connection:
        rows = await connection.stream(select(_RECORDS).execution_options(yield_per=_ROWS_PER_FETCH))
        async for stream, sequence, subject, body in rows:
            found.append(Recorded(stream, sequence, subject, _digest(body)))
    return found


def _digest(body: object) -> str:
    """Return the SHA-256 in hex; SQLite columns are untyped, so the body may also be text or NULL."""
    return sha256(body if isinstance(body, bytes) else str(body).encode()).hexdigest()


def _sqlite_in(state: Path) -> URL:
    database = quote(f"{state.resolve() / 'audit' / 'audit.db'}")
    return URL.create("sqlite+aiosqlite", database=f"file:{database}", query={"mode": "ro", "uri": "true"})
