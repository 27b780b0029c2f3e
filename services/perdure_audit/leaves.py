"""The ledger in the database: leaves with contiguous indices and the full tiles over them, written by one at a time."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Dialect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure.ledger import GrowingTree, edge_tiles, leaf_hash
from perdure.ledger.tiles import FULL, WIDTH, TileKey
from perdure.record.database import edge_of, full_tiles, last_tile
from perdure_audit.inserts import Insert
from perdure_audit.records import leaves, tiles

__all__ = ["Leaves", "grown_further", "grown_tree", "lock", "read_tiles"]

_LOCK: Final = 7_346_521  # any number: who holds it on PostgreSQL appends

_MOST_APPENDED: Final = 4 * WIDTH  # leaves: over more, the tiles cost less to read


class Leaves:
    """Appends entries to the ledger.

    It keeps the tree's last tiles between transactions, and reads them anew where another process has appended.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._insert = Insert(leaves, ["leaf", "entry"], dialect)
        self._tree: GrowingTree | None = None
        self._last = b""  # hash of the last leaf: a database from a backup may have as many

    async def append(self, connection: AsyncConnection, entries: Sequence[bytes]) -> int:
        """Append entries within the open transaction, which holds the lock; return the index of the first.

        Call ``forget`` if the transaction fails.
        """
        size, last = await _end(connection)
        if self._tree is None or (self._tree.size, self._last) != (size, last):
            self._tree = await grown_tree(connection, size)
        hashes = [leaf_hash(entry) for entry in entries]
        changed = self._tree.append(hashes)
        self._last = hashes[-1]
        rows = [{"leaf": size + number, "entry": entry} for number, entry in enumerate(entries)]
        await self._insert(connection, rows)
        if full := [_row(key, tile) for key, tile in changed.items() if len(tile) == FULL]:
            await connection.execute(tiles.insert(), full)
        return size

    def forget(self) -> None:
        """Read the tree's last tiles anew at the next call."""
        self._tree = None


async def lock(connection: AsyncConnection) -> None:
    """Wait until no other process appends, for as long as the open transaction lasts; SQLite's own begin does so."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


async def grown_tree(connection: AsyncConnection, size: int) -> GrowingTree:
    """Return the tree over the first ``size`` leaves, with its last tiles, which are made from what lies below them."""
    return GrowingTree(size, await edge_of(connection, size))


async def read_tiles(connection: AsyncConnection, size: int, keys: set[TileKey]) -> dict[TileKey, bytes]:
    """Return these tiles of the tree over the first ``size`` leaves; one that the database lacks is absent."""
    edge = dict(edge_tiles(size))
    found = {key: await last_tile(connection, key, edge[key]) for key in keys if key in edge}
    return found | await full_tiles(connection, keys - found.keys())


async def grown_further(connection: AsyncConnection, tree: GrowingTree, size: int) -> GrowingTree:
    """Return the tree over the first ``size`` leaves, from one over fewer of them."""
    if size - tree.size > _MOST_APPENDED:
        return await grown_tree(connection, size)
    query = select(leaves.c.entry).where(leaves.c.leaf >= tree.size, leaves.c.leaf < size).order_by(leaves.c.leaf)
    tree.append([leaf_hash(entry) for entry in (await connection.execute(query)).scalars()])
    return tree


async def _end(connection: AsyncConnection) -> tuple[int, bytes]:
    """Return how many leaves there are, and the hash of the last one."""
    row = (await connection.execute(select(leaves).order_by(leaves.c.leaf.desc()).limit(1))).first()
    return (0, b"") if row is None else (row.leaf + 1, leaf_hash(row.entry))


def _row(key: TileKey, tile: bytes) -> dict[str, object]:
    level, number = key
    return {"level": level, "number": number, "hashes": tile}
