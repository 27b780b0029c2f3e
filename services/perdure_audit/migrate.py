"""Brings a database to today's tables: creates them, or runs the migrations (alembic) that it lacks."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

__all__ = ["HEAD", "lacks_migrations", "migrate"]

HEAD: Final = "0003"
"""The newest migration."""

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
_VERSION: Final = "alembic_version"
_LOCK: Final = 7_346_522  # any number: who holds it on PostgreSQL migrates


def migrate(connection: Connection) -> None:
    """Create or change the tables within the open transaction; rows and their positions stay as they are."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def lacks_migrations(connection: Connection) -> bool:
    """Return whether ``migrate`` has something to do; if not, others may go on reading and writing."""
    return _version(connection) != HEAD


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION):
        return None
    return connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar()  # noqa: S608 (a constant)
