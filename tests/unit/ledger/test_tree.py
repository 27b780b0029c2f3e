"""The tree against its definition in RFC 6962, written as it stands there."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.ledger import (
    GrowingTree,
    TileMissing,
    consistency_ranges,
    edge_tiles,
    inclusion_ranges,
    is_consistent,
    is_included,
    leaf_hash,
    range_hash,
    tile_path,
    tiles_of,
)
from perdure.ledger.tiles import TileKey

SIZES = st.integers(1, 700)


def root_by_definition(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\1" + root_by_definition(leaves[:half]) + root_by_definition(leaves[half:])).digest()


def leaves_of(size: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(size)]


def grown(size: int, *steps: int) -> tuple[GrowingTree, dict[TileKey, bytes]]:
    tree, leaves = GrowingTree(), leaves_of(size)
    tiles: dict[TileKey, bytes] = {}
    for end in sorted({*(step for step in steps if step < size), size}):
        tiles |= tree.append(leaves[tree.size : end])
    return tree, tiles


@given(SIZES, st.lists(st.integers(0, 700), max_size=4))
def test_the_root_is_that_of_the_definition_however_the_tree_grew(size: int, steps: list[int]) -> None:
    tree, tiles = grown(size, *steps)

    assert tree.root() == range_hash(0, size, tiles) == root_by_definition(leaves_of(size))
    assert tree.size == size


@given(SIZES)
def test_a_tree_goes_on_growing_from_its_last_tiles_alone(size: int) -> None:
    _, tiles = grown(size)
    resumed = GrowingTree(size, [tiles.get(key, b"") if width else b"" for key, width in edge_tiles(size)])

    resumed.append(leaves_of(size + 300)[size:])

    assert resumed.root() == root_by_definition(leaves_of(size + 300))


def test_a_tree_of_several_levels_goes_on_growing_and_proves() -> None:
    size = 70_000
    tree, tiles = grown(size, 65_535, 65_536, 65_537)
    resumed = GrowingTree(size, [tiles[key] if width else b"" for key, width in edge_tiles(size)])
    path = [range_hash(start, end, tiles) for start, end in inclusion_ranges(12_345, size)]

    assert resumed.root() == tree.root()
    assert [len(tiles[key]) // 32 for key in ((1, 0), (1, 1), (2, 0))] == [256, 17, 1]
    assert is_included(leaf_hash(b"12345"), 12_345, size, tree.root(), path)


@given(SIZES, st.data())
def test_a_leaf_is_proven_at_its_place_and_at_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree, tiles = grown(size)
    ranges = inclusion_ranges(index, size)
    path = [range_hash(start, end, {key: tiles[key] for key in tiles_of(ranges)}) for start, end in ranges]
    leaf = leaf_hash(str(index).encode())

    assert is_included(leaf, index, size, tree.root(), path)
    assert not is_included(leaf_hash(b"other"), index, size, tree.root(), path)
    assert not any(is_included(leaf, other, size, tree.root(), path) for other in range(size) if other != index)
    assert not is_included(leaf, index, size, tree.root(), [*path, leaf])
    assert not path or not is_included(leaf, index, size, tree.root(), path[:-1])


@given(SIZES, st.data())
def test_growth_is_proven_and_a_changed_past_is_not(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    tree, tiles = grown(size)
    proof = [range_hash(start, end, tiles) for start, end in consistency_ranges(old, size)]
    before = root_by_definition(leaves_of(old))
    changed = root_by_definition([leaf_hash(b"changed"), *leaves_of(old)[1:]])

    assert is_consistent(old, before, size, tree.root(), proof)
    assert not is_consistent(old, changed, size, tree.root(), proof)
    assert not is_consistent(old, before, size, changed, proof) or changed == tree.root()
    assert not is_consistent(old, before, size, tree.root(), [*proof, before])


def test_every_tree_grew_from_the_empty_one() -> None:
    tree, _ = grown(3)

    assert is_consistent(0, GrowingTree().root(), 3, tree.root(), [])
    assert not is_consistent(4, tree.root(), 3, tree.root(), [])


def test_a_missing_tile_is_named() -> None:
    _, tiles = grown(300)

    with pytest.raises(TileMissing, match="Tile 1 of level 0 has 0 of the 32 hashes needed"):
        range_hash(0, 300, {key: tile for key, tile in tiles.items() if key != (0, 1)})


def test_the_paths_of_tiles_are_those_of_the_specification() -> None:
    assert tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 112) == "tile/entries/005.p/112"
    assert tile_path(2, 1_000) == "tile/2/x001/000"
