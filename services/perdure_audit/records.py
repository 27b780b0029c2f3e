"""The table of recorded messages, on SQLite and PostgreSQL."""

from typing import Final

from sqlalchemy import JSON, Column, DateTime, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

__all__ = ["KEY", "metadata", "records"]

KEY: Final = ("stream", "sequence", "said_at")
"""What names one message."""

metadata = MetaData()
records = Table(
    "records",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("stream", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint(*KEY),
    sqlite_autoincrement=True,  # a deleted last row must not give its number to the next one
)
