"""The tree in tiles of 256 hashes (C2SP tlog-tiles): how it is kept, how it grows, and what a range of it hashes to.

A tile of level 0 holds the hashes of leaves, one of level 1 the roots of full tiles of level 0, and so on. Only the
last tile of a level may be partial.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from perdure.ledger.hashes import fold, perfect_subtrees, root_of

__all__ = [
    "FULL",
    "WIDTH",
    "GrowingTree",
    "TileKey",
    "TileMissing",
    "edge_tiles",
    "hashes_of",
    "range_hash",
    "tile_path",
    "tiles_of",
]

_HASH: Final = 32  # bytes
WIDTH: Final = 256
"""Hashes of a full tile."""
FULL: Final = WIDTH * _HASH
"""Bytes of a full tile."""
_HEIGHT: Final = 8  # of the tree within a full tile
_THOUSAND: Final = 1000

TileKey = tuple[int, int]
"""Level and number of a tile."""


class TileMissing(LookupError):
    """A tile that a hash needs is absent, or has too few hashes."""


class GrowingTree:
    """A tree of which only the last tile of each level is kept, which is all that it needs to grow.

    Args:
        size: Leaves it has.
        edge: The partial tile of each level, from level 0: what ``edge_tiles`` names, absent ones empty.
    """

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        self.size = size
        self._edge = [bytearray(tile) for tile in edge]

    def append(self, leaves: Iterable[bytes]) -> dict[TileKey, bytes]:
        """Add the hashes of leaves; return the tiles that changed, each as it is now."""
        changed: dict[TileKey, bytes] = {}
        touched: set[int] = set()
        for leaf in leaves:
            self._push(0, leaf, changed, touched)
            self.size += 1
        for level in touched:
            if self._edge[level]:
                changed[level, self._number(level)] = bytes(self._edge[level])
        return changed

    def root(self) -> bytes:
        """Return the root of the tree (32 bytes)."""
        tiles = {(level, self._number(level)): bytes(tile) for level, tile in enumerate(self._edge)}
        return range_hash(0, self.size, tiles)

    def _push(self, level: int, node: bytes, changed: dict[TileKey, bytes], touched: set[int]) -> None:
        if level == len(self._edge):
            self._edge.append(bytearray())
        tile = self._edge[level]
        tile += node
        touched.add(level)
        if len(tile) == FULL:
            # The size does not count this leaf yet: the tile that it fills is still the last one.
            changed[level, self._number(level)] = bytes(tile)
            root = root_of(hashes_of(tile))
            tile.clear()
            self._push(level + 1, root, changed, touched)

    def _number(self, level: int) -> int:
        return self.size >> _HEIGHT * (level + 1)


def edge_tiles(size: int) -> list[tuple[TileKey, int]]:
    """Return the last tiles of a tree of this size, from level 0 to its top, each with its width (0: it is absent)."""
    edge = []
    level = 0
    while size >> _HEIGHT * level:
        width = (size >> _HEIGHT * level) % WIDTH
        edge.append(((level, size >> _HEIGHT * (level + 1)), width))
        level += 1
    return edge


def tiles_of(ranges: Iterable[tuple[int, int]]) -> set[TileKey]:
    """Return the tiles from which the hashes of these ranges of leaves are made."""
    return {_place(*subtree)[0] for start, end in ranges for subtree in perfect_subtrees(start, end)}


def range_hash(start: int, end: int, tiles: Mapping[TileKey, bytes]) -> bytes:
    """Return the hash of the tree over the leaves from ``start`` to before ``end``, a range that halving gives.

    Raises:
        TileMissing: A tile of ``tiles_of`` is absent or too short.
    """
    return fold([_subtree_hash(height, index, tiles) for height, index in perfect_subtrees(start, end)])


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return where a tile, or with level ``entries`` a bundle of entries, lies below the prefix of a log."""
    rest, last = divmod(number, _THOUSAND)
    parts = [f"{last:03}"]
    while rest:
        rest, part = divmod(rest, _THOUSAND)
        parts.insert(0, f"x{part:03}")
    return f"tile/{level}/{'/'.join(parts)}" + ("" if width == WIDTH else f".p/{width}")


def _place(height: int, index: int) -> tuple[TileKey, int, int]:
    """Return the tile of a full subtree's hash, and from where to where its hashes lie in it."""
    level, rest = divmod(height, _HEIGHT)
    number, offset = divmod(index << rest, WIDTH)
    return (level, number), offset, offset + (1 << rest)


def _subtree_hash(height: int, index: int, tiles: Mapping[TileKey, bytes]) -> bytes:
    key, first, end = _place(height, index)
    tile = tiles.get(key, b"")
    if len(tile) < end * _HASH:
        raise TileMissing(f"Tile {key[1]} of level {key[0]} has {len(tile) // _HASH} of the {end} hashes needed.")
    return root_of(hashes_of(tile[first * _HASH : end * _HASH]))


def hashes_of(tile: bytes | bytearray) -> list[bytes]:
    """Return the hashes of a tile, from left to right."""
    return [bytes(tile[at : at + _HASH]) for at in range(0, len(tile), _HASH)]
