"""Verifies a ledger offline: each leaf against what is kept of its message, the tree against all known checkpoints.

Nothing of it trusts who hands the leaves over: what counts are the checkpoints, and whose they are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from perdure.ledger.checkpoint import Checkpoint
from perdure.ledger.coverage import Coverage
from perdure.ledger.discrepancy import Discrepancy, Verdict
from perdure.ledger.examination import MOST, Examined, GapDeclared, Messages, examine
from perdure.ledger.kept import Kept
from perdure.ledger.key_chain import KeyChain
from perdure.ledger.note import BadNote
from perdure.ledger.ordered_erasures import OrderedErasures
from perdure.ledger.tiles import GrowingTree, TileKey, hashes_of

__all__ = ["Verification", "Witnessed"]

_HASH: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that somebody has seen.

    Attributes:
        checkpoint: The head.
        source: Who has it, as a report names it.
        note: The signed note, where the signature is not verified yet.
    """

    checkpoint: Checkpoint
    source: str
    note: str = ""


class Verification:
    """Takes the leaves in their order, and finds what is wrong.

    Args:
        witnessed: Every checkpoint that is known, of whatever source.
        keys: A key of the ledger that one trusts, from which its other keys follow. Without it, no signature is
            verified, and each checkpoint counts.

    Attributes:
        coverage: What has leaves.
        size: Leaves that were taken.
        proven: Leaves for which a checkpoint vouches, once ``faults`` was called.
    """

    def __init__(self, witnessed: Iterable[Witnessed], keys: KeyChain | None = None) -> None:
        self.coverage = Coverage()
        self.size = self.proven = 0
        self._keys = keys
        self._tree = GrowingTree()
        self._next = 0  # index of the next leaf, if none is missing
        self._heads: dict[int, list[Witnessed]] = {}
        for one in witnessed:
            self._heads.setdefault(one.checkpoint.size, []).append(one)
        self._roots = {0: self._tree.root()}  # by size, where there is a head
        self._sizes = sorted((it for it in self._heads if it > 0), reverse=True)  # the next one is the last
        self._faults: list[Discrepancy] = []
        self._erasures = OrderedErasures()

    def take(self, leaf: int, entry: bytes, kept: Kept | None) -> None:
        """Take the next leaf, with what is kept of its message; None if nothing is."""
        self.add(examine([(leaf, entry, kept)]))

    def add(self, examined: Examined) -> dict[TileKey, bytes]:
        """Take the next leaves, which were examined; return the tiles that changed."""
        tiles: dict[TileKey, bytes] = {}
        for first, hashes in examined.runs:
            self._miss(first)
            tiles |= self._grow(hashes)
            self._next = first + len(hashes) // _HASH
        for place in examined.places:
            if isinstance(place, GapDeclared):
                self.coverage.add_gap(place.stream, place.first, place.last)
            else:
                self._cover(place)
        for leaf, entry in examined.keys:
            self._change_key(leaf, entry)
        self._erasures.add(examined.erasures)
        self._faults += examined.faults[: max(0, MOST - len(self._faults))]
        return tiles

    @property
    def lacks_leaves(self) -> bool:
        """Whether some were missing between those that were taken."""
        return self._next != self.size

    def end(self, size: int) -> None:
        """Note that so many leaves should have been taken."""
        self._miss(size)

    def faults(self) -> list[Discrepancy]:
        """Return what is wrong, once all leaves were taken; at most 1,000 faults."""
        found = [*self._faults, *self._compare_heads(), *self._erasures.faults(), *self.coverage.faults()]
        return sorted(found, key=lambda it: self.size if it.leaf is None else it.leaf)[:MOST]

    def _miss(self, first: int) -> None:
        if first > self._next:
            is_one = first == self._next + 1
            gone = f"Leaf {self._next} was" if is_one else f"Leaves {self._next} to {first - 1} were"
            self._find("integrity", self._next, f"{gone} deleted.")

    def _grow(self, hashes: bytearray) -> dict[TileKey, bytes]:
        """Add hashes to the tree; keep its root at each size of a checkpoint."""
        tiles: dict[TileKey, bytes] = {}
        at, end = 0, len(hashes) // _HASH
        while at < end:
            stop = min(end, at + self._sizes[-1] - self.size) if self._sizes else end
            tiles |= self._tree.append(hashes_of(hashes[at * _HASH : stop * _HASH]))
            self.size, at = self._tree.size, stop
            if self._sizes and self.size == self._sizes[-1]:
                self._roots[self._sizes.pop()] = self._tree.root()
        return tiles

    def _cover(self, messages: Messages) -> None:
        for at in self.coverage.add_all(messages.stream, messages.sequences, messages.times):
            leaf = messages.leaves[at]
            self._find(
                "integrity", leaf, f"Leaf {leaf} is a second one for {messages.stream}:{messages.sequences[at]}."
            )

    def _change_key(self, leaf: int, entry: bytes) -> None:
        if self._keys is None:
            return
        try:
            self._keys.add(leaf, entry)
        except BadNote as error:
            self._find("integrity", leaf, str(error))

    def _compare_heads(self) -> Iterator[Discrepancy]:
        """Compare the tree with all checkpoints, from the smallest on."""
        self.proven = 0
        for size, heads in sorted(self._heads.items()):
            for one in heads:
                if (why := self._why_not_signed(one)) is not None:
                    text = f"A checkpoint of {one.source} over {size} leaves does not count: {why}"
                    yield Discrepancy("integrity", None, text)
                elif size > self.size:
                    cut = f"{one.source} has a checkpoint over {size} leaves, and only {self.size} are here"
                    yield Discrepancy("freshness", self.size, f"{cut}: the end was cut.")
                elif one.checkpoint.root == self._roots[size]:
                    self.proven = size
                else:
                    which = f"Something from leaf {self.proven} to leaf {size - 1}"
                    text = f"{which} is not what the checkpoint of {one.source} vouches for."
                    yield Discrepancy("integrity", self.proven, text)
        if self.proven < self.size:
            text = f"No checkpoint vouches for leaf {self.proven} and those after it."
            yield Discrepancy("freshness", self.proven, text)

    def _why_not_signed(self, one: Witnessed) -> str | None:
        if self._keys is None:
            return None
        try:
            self._keys.open(one.note)
        except BadNote as error:
            return str(error)
        return None

    def _find(self, verdict: Verdict, leaf: int | None, text: str) -> None:
        if len(self._faults) < MOST:
            self._faults.append(Discrepancy(verdict, leaf, text))
