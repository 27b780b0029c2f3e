"""What each record is about, in columns with an index each, and the newest of a stream by the index of the key."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from perdure.bus import RawMessage
from perdure_audit.marks import marks_of

revision = "0003"
down_revision = "0002"

_BATCH: Final = 1000  # rows at once
_KEY: Final = ("stream", "said_at", "sequence")
_KEY_BEFORE: Final = ("stream", "sequence", "said_at")
_MARKS: Final = ("event", "run", "request", "flow_key", "kind")
_WITH_MANY: Final = ("flow_key", "kind")  # a value has many records: its newest are found by time
_TYPES: Final[dict[str, Any]] = {
    "said_at": sa.DateTime(timezone=True),
    "heard_at": sa.DateTime(timezone=True),
    "headers": sa.JSON(),
}
_BEFORE: Final = ("position", "stream", "sequence", "subject", "said_at", "heard_at", "headers", "body", "leaf", "salt")


def upgrade() -> None:
    """Add the columns, fill them for all records, and replace the indexes."""
    connection = op.get_bind()
    op.drop_index("ix_records_subject")
    if connection.dialect.name == "postgresql":
        _change(connection)
    else:
        _move(connection)  # SQLite cannot change a constraint
    op.create_index("ix_records_leaf", "records", ["leaf"], unique=True)
    op.create_index("ix_records_said_at", "records", ["said_at"])
    for name in _MARKS:
        has_one = sa.text(f"{name} IS NOT NULL")
        columns = [name, "said_at"] if name in _WITH_MANY else [name]
        op.create_index(f"ix_records_{name}", "records", columns, sqlite_where=has_one, postgresql_where=has_one)


def _change(connection: sa.Connection) -> None:
    op.drop_index("ix_records_leaf")
    for name in _MARKS:
        op.add_column("records", sa.Column(name, sa.String(collation="C")))
    table = _table("records", *_MARKS)
    marked = table.update().where(table.c.position == sa.bindparam("at"))
    marked = marked.values({name: sa.bindparam(f"its_{name}") for name in _MARKS})
    for rows in _batches(connection, table):
        connection.execute(
            marked, [{"at": row["position"], **{f"its_{name}": row[name] for name in _MARKS}} for row in rows]
        )
    constraints = {
        tuple(it["column_names"]): it["name"] for it in sa.inspect(connection).get_unique_constraints("records")
    }
    op.drop_constraint(str(constraints[_KEY_BEFORE]), "records")
    op.create_unique_constraint(None, "records", _KEY)


def _move(connection: sa.Connection) -> None:
    op.drop_index("ix_records_leaf")
    op.rename_table("records", "records_before")
    op.create_table(
        "records",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String) for name in _MARKS),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf", sa.BigInteger),
        sa.Column("salt", sa.LargeBinary),
        sa.UniqueConstraint(*_KEY),
        sqlite_autoincrement=True,
    )
    table = _table("records", *_MARKS)
    for rows in _batches(connection, _table("records_before")):
        connection.execute(table.insert(), rows)
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'records'")
    op.execute("UPDATE sqlite_sequence SET name = 'records' WHERE name = 'records_before'")
    op.execute("DROP TABLE records_before")


def _table(name: str, *others: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(it, _TYPES.get(it)) for it in (*_BEFORE, *others)))


def _batches(connection: sa.Connection, table: sa.TableClause) -> Iterator[Sequence[dict[str, Any]]]:
    """Yield all rows with their marks."""
    position = -1
    after = sa.select(*(table.c[name] for name in _BEFORE)).order_by(table.c.position).limit(_BATCH)
    while rows := connection.execute(after.where(table.c.position > position)).mappings().all():
        yield [{**row, **_marks(row)} for row in rows]
        position = rows[-1]["position"]


def _marks(row: sa.RowMapping) -> dict[str, str | None]:
    stored_at = row["said_at"]
    if stored_at.tzinfo is None:  # SQLite
        stored_at = stored_at.replace(tzinfo=UTC)
    raw = RawMessage(row["subject"], row["body"], row["headers"])
    return marks_of(row["stream"], row["sequence"], stored_at, raw)._asdict()
