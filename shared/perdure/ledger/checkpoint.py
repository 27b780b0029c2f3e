"""What a ledger vouches for at an instant (C2SP tlog-checkpoint): its name, its size and its root."""

import re
from dataclasses import dataclass
from typing import Final

from perdure.ledger.base64_text import decoded, encoded
from perdure.ledger.note import BadNote, Signer, Verifier, open_note, sign_note

__all__ = ["Checkpoint", "open_checkpoint", "read_checkpoint", "sign_checkpoint"]

_LINES: Final = 3
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ROOT_BYTES: Final = 32


@dataclass(frozen=True)
class Checkpoint:
    """The head of a ledger.

    Attributes:
        origin: The ledger's name.
        size: Leaves it has.
        root: Root of the tree over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{encoded(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, *signers: Signer) -> str:
    """Return the signed note of a checkpoint."""
    return sign_note(checkpoint.text, *signers)


def open_checkpoint(note: str | bytes, verifiers: list[Verifier]) -> tuple[Checkpoint, list[Verifier]]:
    """Return the checkpoint in a note, and who of the known keys signed it.

    Lines after the first three are extensions, which nothing here reads.

    Raises:
        BadNote: It is no signed checkpoint, or none of the known keys signed it.
    """
    text, signed = open_note(note, verifiers)
    return _read(text), signed


def read_checkpoint(note: str) -> Checkpoint:
    """Return the checkpoint in a note, whose signatures are not verified: it counts for nothing yet.

    Raises:
        BadNote: It is no checkpoint.
    """
    text, blank, _ = note.rpartition("\n\n")
    if not blank:
        raise BadNote("A signed checkpoint is a text, an empty line and signatures.")
    return _read(f"{text}\n")


def _read(text: str) -> Checkpoint:
    lines = text.split("\n")[:-1]
    if len(lines) < _LINES or not all(lines):
        raise BadNote("A checkpoint has three lines or more, none of them empty: origin, size and root.")
    origin, size, written = lines[:_LINES]
    if not _SIZE.fullmatch(size):
        raise BadNote(f"The size of a checkpoint is a decimal number without leading zeros, not {size[:40]!r}.")
    root = decoded(written)
    if root is None or len(root) != _ROOT_BYTES:
        raise BadNote(f"The root of a checkpoint is 32 bytes in base64, not {written[:80]!r}.")
    return Checkpoint(origin, int(size), root)
