"""Verifies a ledger offline: each leaf against what is kept of its message, the tree against all known checkpoints.

Nothing of it trusts who hands the leaves over: what counts are the checkpoints, and whose they are.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from perdure.ledger.checkpoint import Checkpoint
from perdure.ledger.coverage import Coverage
from perdure.ledger.discrepancy import Discrepancy, Verdict
from perdure.ledger.entries import VERSION
from perdure.ledger.hashes import leaf_hash
from perdure.ledger.kept import Kept
from perdure.ledger.record_entry import OWN, record_entry
from perdure.ledger.tiles import GrowingTree

__all__ = ["Verification", "Witnessed"]

_MOST: Final = 1000  # faults that are listed: more say nothing more


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that somebody has seen.

    Attributes:
        checkpoint: The signed head.
        source: Who has it, as a report names it.
    """

    checkpoint: Checkpoint
    source: str


class Verification:
    """Takes the leaves in their order, and finds what is wrong.

    Args:
        witnessed: Every checkpoint that is known, of whatever source, its signature verified.
    """

    def __init__(self, witnessed: Iterable[Witnessed]) -> None:
        self._tree = GrowingTree()
        self._hashes: list[bytes] = []  # of leaves that are not in the tree yet: many at once cost less
        self._size = 0
        self.coverage = Coverage()
        self._heads: dict[int, list[Witnessed]] = {}
        for one in witnessed:
            self._heads.setdefault(one.checkpoint.size, []).append(one)
        self._proven = 0  # leaves that the last checkpoint that fits vouches for
        self._faults: list[Discrepancy] = []

    def take(self, leaf: int, entry: bytes, kept: Kept | None) -> None:
        """Take the next leaf, with what is kept of its message; None if nothing is."""
        if self._size in self._heads:
            self._compare_heads()
        if leaf > self._size:
            gone = f"Leaf {self._size} was" if leaf == self._size + 1 else f"Leaves {self._size} to {leaf - 1} were"
            self._find("integrity", self._size, f"{gone} deleted.")
        self._hashes.append(leaf_hash(entry))
        self._size += 1
        is_same = kept is not None and kept.body is not None and record_entry(kept) == entry
        if is_same and kept is not None and kept.subject not in OWN:
            self._cover(leaf, kept.stream, kept.sequence, kept.stored_at)
        else:
            self._read(leaf, entry, kept, is_same=is_same)

    def faults(self) -> list[Discrepancy]:
        """Return what is wrong, once all leaves were taken; at most 1,000 faults."""
        self._compare_heads()
        for size, heads in sorted(self._heads.items()):
            cut = f"{heads[0].source} has a checkpoint over {size} leaves, and only {self._size} are here"
            self._find("freshness", self._size, f"{cut}: the end was cut.")
        if self._proven < self._size:
            self._find("freshness", self._proven, f"No checkpoint vouches for leaf {self._proven} and those after it.")
        return [*self._faults, *self.coverage.faults()][:_MOST]

    def _compare_heads(self) -> None:
        """Compare the tree with the checkpoints of its size."""
        self._tree.append(self._hashes)
        self._hashes.clear()
        root = self._tree.root()
        for one in self._heads.pop(self._size, ()):
            if one.checkpoint.root == root:
                self._proven = self._size
                continue
            which = f"Something from leaf {self._proven} to leaf {self._size - 1}"
            self._find("integrity", self._proven, f"{which} is not what the checkpoint of {one.source} vouches for.")

    def _read(self, leaf: int, entry: bytes, kept: Kept | None, *, is_same: bool) -> None:
        """Look closer at a leaf that is not simply that of the message that is kept, as one of a gap is not."""
        try:
            content: dict[str, Any] = json.loads(entry)
            if content["v"] != VERSION:
                raise ValueError(content["v"])  # noqa: TRY301 (one answer for all that is unreadable)
            if "body_digest" in content:
                stored_at = datetime.fromisoformat(content["stored_at"])
                self._cover(leaf, content["stream"], int(content["sequence"]), stored_at)
                if not is_same:
                    self._compare(leaf, content, kept)
            elif "key" not in content:
                gap = content["gap"]
                self.coverage.add_gap(content["stream"], int(gap["first"]), int(gap["last"]))
                if not is_same:
                    self._find("integrity", leaf, _changed_gap(leaf, content["stream"], gap, kept))
        except (ValueError, KeyError, TypeError, RecursionError):
            self._find("integrity", leaf, f"Leaf {leaf} is no entry of version {VERSION}.")

    def _cover(self, leaf: int, stream: str, sequence: int, stored_at: datetime) -> None:
        if not self.coverage.add(stream, sequence, stored_at):
            self._find("integrity", leaf, f"Leaf {leaf} is a second one for {stream}:{sequence}.")

    def _compare(self, leaf: int, content: Mapping[str, Any], kept: Kept | None) -> None:
        which = f"The record of {content['stream']}:{content['sequence']}, leaf {leaf},"
        if kept is None:
            self._find("integrity", leaf, f"{which} was deleted.")
        elif kept.body is not None:
            self._find("integrity", leaf, f"{which} was changed.")
        elif (kept.stream, kept.sequence, kept.subject) != tuple(
            content[it] for it in ("stream", "sequence", "subject")
        ):
            self._find("integrity", leaf, f"{which} is another message's, and its body was erased.")

    def _find(self, verdict: Verdict, leaf: int | None, text: str) -> None:
        self._faults.append(Discrepancy(verdict, leaf, text))


def _changed_gap(leaf: int, stream: str, gap: Mapping[str, Any], kept: Kept | None) -> str:
    which = f"The record of the gap {stream}:{gap['first']} to {stream}:{gap['last']}, leaf {leaf},"
    return f"{which} was {'deleted' if kept is None else 'changed'}."
