"""Which key of a ledger signs its checkpoints of a size: each change is a leaf that the old and the new key signed."""

import json
from dataclasses import dataclass
from typing import Final

from perdure.ledger.checkpoint import Checkpoint, open_checkpoint
from perdure.ledger.entries import VERSION, key_entry
from perdure.ledger.note import BadNote, Signer, Verifier, open_note, sign_note

__all__ = ["KeyChain", "KeyChange", "change_statement", "read_key_change"]

_TITLE: Final = "Perdure ledger: the first key ends, the second one goes on."
_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A leaf that gives a ledger another key.

    Attributes:
        leaf: Its index: checkpoints over more leaves are the new key's.
        old: The key until then.
        new: The key from then on.
    """

    leaf: int
    old: Verifier
    new: Verifier


class KeyChain:
    """The keys of a ledger, in their order.

    Args:
        pinned: A key of the ledger that one knows: any of them, since each change names both and is signed by both.
    """

    def __init__(self, pinned: Verifier) -> None:
        self._pinned = pinned
        self._changes: list[KeyChange] = []

    @property
    def keys(self) -> list[Verifier]:
        """All keys, the oldest first."""
        if not self._changes:
            return [self._pinned]
        return [self._changes[0].old, *(change.new for change in self._changes)]

    def add(self, leaf: int, entry: bytes) -> bool:
        """Take a leaf, in the order of the ledger; return whether it changes the key.

        Raises:
            BadNote: It claims a change that the key of that time, or the new one, has not signed.
        """
        change = read_key_change(leaf, entry)
        if change is None:
            return False
        if self._changes and change.old != self._changes[-1].new:
            raise BadNote(f"Leaf {leaf} replaces a key that was not the one of its time.")
        if change.new in {change.old, *(self.keys if self._changes else ())}:
            raise BadNote(f"Leaf {leaf} goes back to a key that was replaced.")
        self._changes.append(change)
        return True

    def valid_at(self, size: int) -> Verifier:
        """Return the key that signs checkpoints over so many leaves, once all leaves before were taken.

        Raises:
            BadNote: The pinned key is none of this ledger's.
        """
        if self._pinned not in self.keys:
            raise BadNote(f"The key {self._pinned} is none of this ledger's.")
        passed = sum(change.leaf < size for change in self._changes)
        return self.keys[passed]

    def open(self, note: str | bytes) -> Checkpoint:
        """Return the checkpoint in a note, which the key of its size has signed.

        Raises:
            BadNote: It is no checkpoint, or that key has not signed it.
        """
        checkpoint, signed = open_checkpoint(note, self.keys)
        if (valid := self.valid_at(checkpoint.size)) not in signed:
            raise BadNote(
                f"The checkpoint over {checkpoint.size} leaves is not signed by the key of that time, {valid}."
            )
        return checkpoint


def change_statement(old: Signer, new: Signer) -> str:
    """Return the statement that a new key follows an old one, signed by both."""
    return sign_note(_text(old.verifier, new.verifier), old, new)


def read_key_change(leaf: int, entry: bytes) -> KeyChange | None:
    """Return the change of keys in a leaf; None if it is a leaf of another kind.

    Raises:
        BadNote: It is one, and not both keys have signed it.
    """
    if b'"key":' not in entry:  # an entry is canonical JSON: this costs little for the millions of others
        return None
    try:
        content = json.loads(entry)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "key" not in content or content.get("v") != VERSION:
        return None
    statement = str(content.get("statement"))
    lines = statement.split("\n")
    if len(lines) <= _LINES or lines[0] != _TITLE or lines[2] != content["key"]:
        raise BadNote(f"Leaf {leaf} is no statement of two keys.")
    old, new = Verifier.parse(lines[1]), Verifier.parse(lines[2])
    text, signed = open_note(statement, [old, new])
    if text != _text(old, new) or len(signed) < 2 or old.name != new.name:  # noqa: PLR2004 (the old and the new key)
        raise BadNote(f"Leaf {leaf} changes the key, and not both keys have signed that.")
    if key_entry(verifier=str(new), statement=statement) != entry:
        raise BadNote(f"Leaf {leaf} is not in its canonical form.")
    return KeyChange(leaf, old, new)


def _text(old: Verifier, new: Verifier) -> str:
    return f"{_TITLE}\n{old}\n{new}\n"
