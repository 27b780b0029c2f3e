"""The tables of the record: each message once, and the ledger that proves them. On SQLite and PostgreSQL.

The tables of the ledger are only ever inserted into: a role without UPDATE and DELETE can write all of them.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

__all__ = ["KEY", "leaves", "metadata", "records", "tiles"]

KEY: Final = ("stream", "sequence", "said_at")
"""What names one message."""

metadata = MetaData()
_Position: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only rows of INTEGER by itself

records = Table(
    "records",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=True),
    Column("stream", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", BigInteger),  # its index in the ledger
    Column("salt", LargeBinary),  # of the digests in its leaf
    UniqueConstraint(*KEY),
    Index("ix_records_leaf", "leaf", unique=True),
    sqlite_autoincrement=True,  # a deleted last row must not give its number to the next one
)
leaves = Table(
    "leaves",
    metadata,
    Column("leaf", _Position, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)
tiles = Table(  # full ones: the last of each level is made from what lies below it
    "tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
