"""The table of records, whose key has the time too: a stream that is made anew counts from 1 again.

A database of 0.1 has the table with the key of stream and sequence alone.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY: Final = ("stream", "sequence", "said_at")
_KEY_OF_0_1: Final = ("stream", "sequence")
_COPY: Final = (
    """INSERT INTO records
       SELECT position, stream, sequence, subject, said_at, heard_at, headers, body FROM records_of_0_1""",
    "DELETE FROM sqlite_sequence WHERE name = 'records'",
    "UPDATE sqlite_sequence SET name = 'records' WHERE name = 'records_of_0_1'",  # no position is given twice
    "DROP TABLE records_of_0_1",
)


def upgrade() -> None:
    """Create the table, or replace the key of one of 0.1."""
    connection = op.get_bind()
    found = sa.inspect(connection)
    if not found.has_table("records"):
        _create()
        return
    constraints = {tuple(it["column_names"]): it["name"] for it in found.get_unique_constraints("records")}
    if _KEY in constraints:
        return
    if connection.dialect.name == "postgresql":
        op.drop_constraint(str(constraints[_KEY_OF_0_1]), "records")
        op.create_unique_constraint(None, "records", _KEY)
        return
    op.drop_index("ix_records_subject")  # SQLite cannot change a constraint: the rows move
    op.rename_table("records", "records_of_0_1")
    _create()
    for statement in _COPY:
        op.execute(statement)


def _create() -> None:
    op.create_table(
        "records",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("stream", sa.String, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.String, nullable=False, index=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint(*_KEY),
        sqlite_autoincrement=True,
    )
