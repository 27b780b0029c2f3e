"""Verifies a record part by part, several parts at once: hashing and comparing is nearly all of the work."""

import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final, Protocol

from perdure.errors import PerdureError
from perdure.ledger import Discrepancy, Examined, KeyChain, Leaf, TileKey, Verification, Witnessed
from perdure.ledger.tiles import FULL

__all__ = ["LedgerParts", "verified"]

_FEW: Final = 2  # parts: for so little, other processes are not worth their start
_MOST: Final = 100  # tiles that are listed


class LedgerParts(Protocol):
    """A record that can be read in parts, by several processes at once.

    Attributes:
        size: How many leaves it has.
        parts: How many parts.
        keeps_partial_tiles: Whether it keeps the tiles that are not full too.
    """

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def parts(self) -> int: ...  # noqa: D102
    @property
    def keeps_partial_tiles(self) -> bool: ...  # noqa: D102
    def examined(self, part: int) -> Examined:
        """Examine the leaves of a part."""

    def tiles(self, keys: set[TileKey]) -> dict[TileKey, bytes]:
        """Return those of these tiles that are kept."""

    def leaves(self) -> AsyncIterator[list[Leaf]]:
        """Yield all leaves in order, in lists."""


def verified(
    record: LedgerParts, witnessed: Iterable[Witnessed], keys: KeyChain | None, report: Callable[[int], None]
) -> tuple[Verification, list[Discrepancy]]:
    """Verify a record.

    Args:
        record: Where its leaves are.
        witnessed: All checkpoints that are known.
        keys: The key that is trusted.
        report: Called with the number of leaves that were verified, now and then.

    Returns:
        What was taken, and what is wrong.
    """
    verification = Verification(witnessed, keys)
    wrong: list[Discrepancy] = []
    partial: dict[TileKey, bytes] = {}
    for examined in _examined(record):
        partial |= verification.add(examined)
        full = {key: partial.pop(key) for key, tile in list(partial.items()) if len(tile) == FULL}
        if not verification.lacks_leaves and len(wrong) < _MOST:
            wrong += _differing(full, record)
        report(verification.size)
    if record.keeps_partial_tiles and not verification.lacks_leaves:
        wrong += _differing(partial, record)
    verification.end(record.size)
    return verification, [*verification.faults(), *wrong]


def _examined(record: LedgerParts) -> Iterator[Examined]:
    """Examine all parts, in their order; only a few wait for their turn at any time."""
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if record.parts <= _FEW or processes == 1:
        yield from map(record.examined, range(record.parts))
        return
    waiting: deque[Future[Examined]] = deque()
    with ProcessPoolExecutor(processes) as pool:
        try:
            for part in range(record.parts):
                waiting.append(pool.submit(record.examined, part))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise PerdureError("A process that examined leaves was killed, or the machine lacks memory.") from error
        finally:
            for one in waiting:
                one.cancel()


def _differing(tiles: dict[TileKey, bytes], record: LedgerParts) -> Iterator[Discrepancy]:
    """Compare the tiles over the leaves with those that are kept, from which others take proofs."""
    kept = record.tiles(set(tiles))
    for (level, number), tile in sorted(tiles.items()):
        if (found := kept.get((level, number))) != tile:
            leaf = number << 8 * (level + 1)
            what = "is missing" if found is None else "is not that of its leaves"
            yield Discrepancy("integrity", leaf, f"Tile {number} of level {level}, from leaf {leaf} on, {what}.")
