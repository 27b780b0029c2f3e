"""What the audit store holds, read from the database itself; the audit service is not asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import column, select, table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from perdure.config.settings import Settings
from perdure.verify.records import Recorded

__all__ = ["open_store", "recorded"]

_RECORDS: Final = table("records", column("stream"), column("sequence"), column("subject"), column("body"))
_AT_ONCE: Final = 1_000  # rows


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Open the store that the configuration names, SQLite only for reading."""
    engine = create_async_engine(settings.audit.database or _sqlite_in(settings.state))
    try:
        yield engine
    finally:
        await engine.dispose()


async def recorded(store: AsyncEngine) -> list[Recorded]:
    """Return all rows.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The store cannot be read.
    """
    found = []
    async with store.connect() as connection:
        rows = await connection.stream(select(_RECORDS).execution_options(yield_per=_AT_ONCE))
        async for stream, sequence, subject, body in rows:
            found.append(Recorded(stream, sequence, subject, _digest(body)))
    return found


def _digest(body: object) -> str:
    """Return SHA-256 in hex; SQLite gives back whatever somebody put there, be it text or nothing."""
    return sha256(body if isinstance(body, bytes) else str(body).encode()).hexdigest()


def _sqlite_in(state: Path) -> str:
    return f"sqlite+aiosqlite:///file:{state.resolve() / 'audit' / 'audit.db'}?mode=ro&uri=true"
