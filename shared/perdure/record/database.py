"""Reads the ledger, and what is kept of its messages, from the audit database."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import bindparam, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure.ledger import Kept, Leaf, TileKey, edge_tiles, leaf_hash
from perdure.ledger.hashes import root_of
from perdure.ledger.tiles import WIDTH, hashes_of

__all__ = ["default_database", "edge_of", "full_tiles", "in_utc", "last_tile", "leaves_of", "size_of_ledger"]

_AT_ONCE: Final = 500
_ALL: Final = 2**62
_LEAVES: Final = text(
    "SELECT leaves.leaf, leaves.entry, stream, sequence, said_at, subject, headers, body, salt"
    " FROM leaves LEFT JOIN records ON records.leaf = leaves.leaf"
    " WHERE leaves.leaf >= :first AND leaves.leaf < :end ORDER BY leaves.leaf"
)
_ENTRIES: Final = text("SELECT entry FROM leaves WHERE leaf >= :first AND leaf < :end ORDER BY leaf")
_TILES: Final = text(
    "SELECT number, hashes FROM tiles WHERE level = :level AND number >= :first AND number <= :last ORDER BY number"
)
_SOME_TILES: Final = text("SELECT number, hashes FROM tiles WHERE level = :level AND number IN :numbers").bindparams(
    bindparam("numbers", expanding=True)
)


def default_database(state: Path) -> URL:
    """Return the URL of the database that the audit service has if none is configured."""
    file = state.resolve() / "audit" / "audit.db"
    return URL.create("sqlite+aiosqlite", database=str(file))  # as text, `?` would end the path


async def size_of_ledger(connection: AsyncConnection) -> int:
    """Return how many leaves there are, as the last one's index tells.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be read, or holds no ledger.
    """
    last = (await connection.execute(text("SELECT max(leaf) FROM leaves"))).scalar()
    return 0 if last is None else int(last) + 1


async def leaves_of(connection: AsyncConnection, first: int = 0, end: int = _ALL) -> AsyncIterator[list[Leaf]]:
    """Yield the leaves from an index on, to before ``end``, in lists.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be read, or holds no ledger.
    """
    range_ = {"first": first, "end": end}
    async with connection.stream(_LEAVES, range_, execution_options={"yield_per": _AT_ONCE}) as result:
        async for rows in result.partitions():
            yield [(row[0], bytes(row[1]), None if row[2] is None else _kept(row)) for row in rows]


async def full_tiles(connection: AsyncConnection, keys: set[TileKey]) -> dict[TileKey, bytes]:
    """Return the full tiles with these keys that the database has.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
    """
    found: dict[TileKey, bytes] = {}
    for level in {level for level, _ in keys}:
        numbers = [number for of, number in keys if of == level]
        for number, hashes in await connection.execute(_SOME_TILES, {"level": level, "numbers": numbers}):
            found[level, number] = bytes(hashes)
    return found


async def edge_of(connection: AsyncConnection, size: int) -> list[bytes]:
    """Return the last tile of each level of the tree over the first ``size`` leaves; absent ones are empty.

    They are made from the last leaves and from full tiles.
    """
    return [await last_tile(connection, key, width) for key, width in edge_tiles(size)]


async def last_tile(connection: AsyncConnection, key: TileKey, width: int) -> bytes:
    """Return a partial tile: the hashes of the last leaves, or the roots of the last full tiles below it."""
    level, number = key
    first = number * WIDTH
    if level == 0:
        found = await connection.execute(_ENTRIES, {"first": first, "end": first + width})
        return b"".join(leaf_hash(bytes(entry)) for entry in found.scalars())
    below = await connection.execute(_TILES, {"level": level - 1, "first": first, "last": first + width - 1})
    return b"".join(_root_of_tile(bytes(hashes)) for _, hashes in below)


@lru_cache(512)  # 4 MB: the same full tiles are below the last one at each checkpoint and each proof
def _root_of_tile(tile: bytes) -> bytes:
    return root_of(hashes_of(tile))


def in_utc(stored: datetime) -> datetime:
    """Return a time from the database with its zone: SQLite keeps none, and every stored time is UTC."""
    return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored


def _kept(row: Any) -> Kept:
    _, _, stream, sequence, stored_at, subject, headers, body, salt = row
    if isinstance(stored_at, str):  # SQLite
        stored_at = datetime.fromisoformat(stored_at)
    read = json.loads(headers) if isinstance(headers, str) else headers
    return Kept(stream, sequence, in_utc(stored_at), subject, read, None if salt is None else body, salt or b"")
