"""Proofs that an entry is in a tree, and that a tree only grew (RFC 6962, section 2.1; verified as RFC 9162 says)."""

from collections.abc import Sequence

from perdure.ledger.hashes import node_hash, split

__all__ = ["consistency_ranges", "inclusion_ranges", "is_consistent", "is_included"]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose hashes prove that a leaf is in the tree, from its sibling to below the root."""
    if not 0 <= index < size:
        raise ValueError(f"A tree of {size} leaves has none of index {index}.")
    start, end, ranges = 0, size, []
    while end - start > 1:
        middle = split(start, end)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """Return the ranges of leaves whose hashes prove that the first ``old`` leaves of a tree are as they were."""
    if not 0 < old <= new:
        raise ValueError(f"No tree of {new} leaves grew from one of {old}.")
    start, end, ranges = 0, new, []
    while end != old:
        middle = split(start, end)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, end))  # else it is the old tree itself, whose root the verifier knows
    return ranges[::-1]


def is_included(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof leads from the hash of a leaf to the root."""
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position % 2 or position == last:
            node = node_hash(sibling, node)
            while position and position % 2 == 0:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether the proof shows that the tree with the new root has the leaves of the old one at its start.

    Every tree grew from the empty one (``old`` 0, without a proof).
    """
    if old in {0, new}:
        return not proof and 0 <= old <= new and (old == 0 or old_root == new_root)
    if not 0 < old < new:
        return False
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        return False
    position, last = old - 1, new - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    old_node = new_node = hashes[0]
    for node in hashes[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            old_node, new_node = node_hash(node, old_node), node_hash(node, new_node)
            while position and position % 2 == 0:
                position, last = position >> 1, last >> 1
        else:
            new_node = node_hash(new_node, node)
        position, last = position >> 1, last >> 1
    return last == 0 and old_node == old_root and new_node == new_root
