"""The ledger: leaves and full tiles. What was recorded before gets its leaves in the order in which it was recorded."""

import secrets
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from perdure.ledger import SALT, GrowingTree, leaf_hash
from perdure.ledger.tiles import FULL
from perdure_audit.writer import entry_of

revision = "0002"
down_revision = "0001"

_BATCH: Final = 1000  # rows at once
_leaves: Final = sa.table("leaves", sa.column("leaf"), sa.column("entry"))
_tiles: Final = sa.table("tiles", sa.column("level"), sa.column("number"), sa.column("hashes"))
_records: Final = sa.table(
    "records",
    *(sa.column(name) for name in ("position", "stream", "sequence", "subject", "body", "leaf", "salt")),
    sa.column("said_at", sa.DateTime(timezone=True)),
    sa.column("headers", sa.JSON),
)


def upgrade() -> None:
    """Add the tables, and the leaves of all records."""
    large = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "leaves",
        sa.Column("leaf", large, primary_key=True, autoincrement=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
    )
    op.add_column("records", sa.Column("leaf", sa.BigInteger))
    op.add_column("records", sa.Column("salt", sa.LargeBinary))
    _add_leaves(op.get_bind())
    op.create_index("ix_records_leaf", "records", ["leaf"], unique=True)


def _add_leaves(connection: sa.Connection) -> None:
    tree, position = GrowingTree(), -1
    after = sa.select(_records).order_by(_records.c.position).limit(_BATCH)
    while rows := connection.execute(after.where(_records.c.position > position)).mappings().all():
        salted = [{**row, "salt": secrets.token_bytes(SALT)} for row in rows]
        entries = [entry_of(row) for row in salted]
        _insert(connection, tree, salted, entries)
        position = rows[-1]["position"]


def _insert(connection: sa.Connection, tree: GrowingTree, rows: list[dict[str, Any]], entries: list[bytes]) -> None:
    first = tree.size
    changed = tree.append(map(leaf_hash, entries))
    connection.execute(_leaves.insert(), [{"leaf": first + at, "entry": entry} for at, entry in enumerate(entries)])
    full = [{"level": level, "number": at, "hashes": it} for (level, at), it in changed.items() if len(it) == FULL]
    if full:
        connection.execute(_tiles.insert(), full)
    placed = _records.update().where(_records.c.position == sa.bindparam("at"))
    connection.execute(
        placed.values(leaf=sa.bindparam("its_leaf"), salt=sa.bindparam("its_salt")),
        [{"at": row["position"], "its_leaf": first + at, "its_salt": row["salt"]} for at, row in enumerate(rows)],
    )
