"""What leaves show without their neighbours: so that several processes can examine parts of a ledger at once."""

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from perdure.ledger.discrepancy import Discrepancy
from perdure.ledger.entries import VERSION
from perdure.ledger.hashes import leaf_hash
from perdure.ledger.kept import Kept, Leaf
from perdure.ledger.ordered_erasures import OrderedErasures
from perdure.ledger.record_entry import OWN, record_entry

__all__ = ["MOST", "Examined", "GapDeclared", "LeafExamination", "Messages", "examine"]

MOST: Final = 1000
"""Faults that are listed: more say nothing more."""

_BEGAN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SEQUENCES: Final = 2**63  # that an array holds


@dataclass(slots=True)
class Messages:
    """Messages of one stream that have leaves, in the order of those.

    Attributes:
        stream: Its name.
        leaves: Indices of the leaves.
        sequences: Those of the messages.
        times: When each was stored, in microseconds since 1970 (UTC).
    """

    stream: str
    leaves: "array[int]" = field(default_factory=lambda: array("q"))
    sequences: "array[int]" = field(default_factory=lambda: array("q"))
    times: "array[int]" = field(default_factory=lambda: array("q"))


@dataclass(frozen=True, slots=True)
class GapDeclared:
    """A leaf by which messages of a stream are declared lost, both ends included."""

    stream: str
    first: int
    last: int


@dataclass(slots=True)
class Examined:
    """What a part of the leaves shows.

    Attributes:
        runs: The hashes of the leaves (32 bytes each), from an index on, as long as no leaf is missing.
        places: What has a leaf, in order within each stream.
        keys: Entries that may change the ledger's key, each with its index.
        erasures: Records whose content is gone, and the orders to erase.
        faults: What is wrong with single leaves.
    """

    runs: list[tuple[int, bytearray]] = field(default_factory=list)
    places: list[Messages | GapDeclared] = field(default_factory=list)
    keys: list[tuple[int, bytes]] = field(default_factory=list)
    erasures: OrderedErasures = field(default_factory=OrderedErasures)
    faults: list[Discrepancy] = field(default_factory=list)


def examine(leaves: Iterable[Leaf]) -> Examined:
    """Compare each leaf, in order, with what is kept of its message."""
    examination = LeafExamination()
    for leaf in leaves:
        examination.take(*leaf)
    return examination.found


def _is_plain(kept: Kept) -> bool:
    """Return whether it is a message with its body, at a sequence that a stream can have."""
    return kept.body is not None and kept.subject not in OWN and kept.sequence < _SEQUENCES


class LeafExamination:
    """Compares each leaf with what is kept of its message.

    Attributes:
        found: What the leaves show.
    """

    def __init__(self) -> None:
        self.found = Examined()
        self._open: dict[str, Messages] = {}
        self._following: int | None = None

    def take(self, leaf: int, entry: bytes, kept: Kept | None) -> None:
        """Take the next leaf."""
        if leaf != self._following:
            self.found.runs.append((leaf, bytearray()))
        self.found.runs[-1][1].extend(leaf_hash(entry))
        self._following = leaf + 1
        if kept is not None and (kept.body is None or kept.stream == "ADMIN"):
            self.found.erasures.take(leaf, kept)
        if kept is not None and _is_plain(kept) and record_entry(kept) == entry:
            self._cover(leaf, kept.stream, kept.sequence, kept.stored_at)
        else:
            self._read(leaf, entry, kept)

    def _cover(self, leaf: int, stream: str, sequence: int, stored_at: datetime) -> None:
        messages = self._open.get(stream)
        if messages is None:
            messages = self._open[stream] = Messages(stream)
            self.found.places.append(messages)
        messages.sequences.append(sequence)  # the first one that may not fit
        messages.times.append((stored_at - _BEGAN) // _MICROSECOND)
        messages.leaves.append(leaf)

    def _read(self, leaf: int, entry: bytes, kept: Kept | None) -> None:
        """Look closer at a leaf that is not simply that of the message that is kept, as one of a gap is not."""
        try:
            content: dict[str, Any] = json.loads(entry)
            if content["v"] != VERSION:
                raise ValueError(content["v"])  # noqa: TRY301 (one answer for all that is unreadable)
            is_same = kept is not None and kept.body is not None and record_entry(kept) == entry
            if "body_digest" in content:
                stored_at = datetime.fromisoformat(content["stored_at"])
                self._cover(leaf, content["stream"], int(content["sequence"]), stored_at)
                fault = "" if is_same else _changed(leaf, content, kept)
            elif "key" in content:
                self.found.keys.append((leaf, entry))
                fault = "" if is_same else f"The record of a new key, leaf {leaf}, was {_what_became_of(kept)}."
            else:
                self._declare_gap(content["stream"], int(content["gap"]["first"]), int(content["gap"]["last"]))
                fault = "" if is_same else _changed_gap(leaf, content["stream"], content["gap"], kept)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            fault = f"Leaf {leaf} is no entry of version {VERSION}."
        if fault and len(self.found.faults) < MOST:
            self.found.faults.append(Discrepancy("integrity", leaf, fault))

    def _declare_gap(self, stream: str, first: int, last: int) -> None:
        self.found.places.append(GapDeclared(stream, first, last))
        self._open.pop(stream, None)  # messages that follow belong behind it


def _changed(leaf: int, content: Mapping[str, Any], kept: Kept | None) -> str:
    """Return what became of the record of a message; nothing if only its body was erased."""
    which = f"The record of {content['stream']}:{content['sequence']}, leaf {leaf},"
    if kept is None or kept.body is not None:
        return f"{which} was {_what_became_of(kept)}."
    same = all(getattr(kept, name) == content[name] for name in ("stream", "sequence", "subject"))
    return "" if same else f"{which} is another message's, and its body was erased."


def _changed_gap(leaf: int, stream: str, gap: Mapping[str, Any], kept: Kept | None) -> str:
    which = f"The record of the gap {stream}:{gap['first']} to {stream}:{gap['last']}, leaf {leaf},"
    return f"{which} was {_what_became_of(kept)}."


def _what_became_of(kept: Kept | None) -> str:
    return "deleted" if kept is None else "changed"
