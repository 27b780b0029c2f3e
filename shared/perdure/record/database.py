"""Reads the leaves of the ledger, and what is kept of their messages, from the audit database."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure.ledger import Kept, Leaf

__all__ = ["leaves_of"]

_AT_ONCE: Final = 2000
_LEAVES: Final = text(
    "SELECT leaves.leaf, leaves.entry, stream, sequence, said_at, subject, headers, body, salt"
    " FROM leaves LEFT JOIN records ON records.leaf = leaves.leaf"
    " WHERE leaves.leaf >= :first ORDER BY leaves.leaf LIMIT :number"
)


async def leaves_of(connection: AsyncConnection, first: int = 0) -> AsyncIterator[list[Leaf]]:
    """Yield the leaves from an index on, in lists.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be read, or holds no ledger.
    """
    while rows := (await connection.execute(_LEAVES, {"first": first, "number": _AT_ONCE})).all():
        yield [(row[0], bytes(row[1]), None if row[2] is None else _kept(row)) for row in rows]
        first = rows[-1][0] + 1


def _kept(row: Any) -> Kept:
    _, _, stream, sequence, stored_at, subject, headers, body, salt = row
    if isinstance(stored_at, str):  # SQLite
        stored_at = datetime.fromisoformat(stored_at)
    if stored_at.tzinfo is None:  # every stored time is UTC
        stored_at = stored_at.replace(tzinfo=UTC)
    read = json.loads(headers) if isinstance(headers, str) else headers
    return Kept(stream, sequence, stored_at, subject, read, None if salt is None else body, salt or b"")
