"""The Merkle tree of RFC 6962: how entries and nodes are hashed, and which subtrees make up a range of leaves."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

__all__ = ["EMPTY", "fold", "leaf_hash", "node_hash", "perfect_subtrees", "root_of", "split"]

EMPTY: Final = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf (32 bytes)."""
    return sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others (32 bytes)."""
    return sha256(b"\1" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root of the tree over these neighbouring nodes of one height."""
    if not hashes:
        return EMPTY
    level = list(hashes)
    while len(level) > 1:
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])  # the last one without a neighbour moves up as it is
        level = above
    return level[0]


def split(start: int, end: int) -> int:
    """Return where the tree over the leaves from ``start`` to before ``end``, at least two, divides into its halves."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def perfect_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield height and index of the full binary subtrees whose leaves are this range, from left to right.

    The range is one that halving a tree gives: its start is a multiple of the size of its largest subtree.
    """
    while start < end:
        height = (end - start).bit_length() - 1
        yield height, start >> height
        start += 1 << height


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over full subtrees of falling heights, as ``perfect_subtrees`` yields them."""
    if not hashes:
        return EMPTY
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
