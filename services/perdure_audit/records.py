"""The tables of the record: each message once, and the ledger that proves them. On SQLite and PostgreSQL.

The tables of the ledger are only ever inserted into: a role without UPDATE and DELETE can write all of them.
"""

from typing import Any, Final

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
    text,
)

from perdure_audit.marks import Marks

__all__ = ["KEY", "MARKS", "leaves", "metadata", "records", "tiles"]

KEY: Final = ("stream", "said_at", "sequence")
"""What names one message; in this order its index also finds the newest of a stream."""

MARKS: Final = Marks._fields
"""The columns by which a record is found."""

metadata = MetaData()
_Mark: Final = String().with_variant(String(collation="C"), "postgresql")  # what is about a place is found by a prefix
_Position: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only rows of INTEGER by itself


def _where(name: str) -> dict[str, Any]:
    """Return the options of an index that has only the records which are about something."""
    has_one = text(f"{name} IS NOT NULL")
    return {"sqlite_where": has_one, "postgresql_where": has_one}


records = Table(
    "records",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=True),
    Column("stream", String, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("subject", String, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False, index=True),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    *(Column(name, _Mark) for name in MARKS),  # before the body: SQLite reads a row from its start
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", BigInteger),  # its index in the ledger
    Column("salt", LargeBinary),  # of the digests in its leaf
    UniqueConstraint(*KEY),
    Index("ix_records_leaf", "leaf", unique=True),
    *(Index(f"ix_records_{name}", name, **_where(name)) for name in ("event", "run", "request")),  # each has few
    *(Index(f"ix_records_{name}", name, "said_at", **_where(name)) for name in ("flow_key", "kind")),
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
