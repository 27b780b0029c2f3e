"""A file that proves that an entry is in a ledger, to people who have the ledger's key alone (C2SP tlog-proof)."""

import re
from dataclasses import dataclass
from typing import Final

from perdure.ledger.base64_text import decoded, encoded
from perdure.ledger.checkpoint import Checkpoint, open_checkpoint
from perdure.ledger.hashes import leaf_hash
from perdure.ledger.note import BadNote, Verifier
from perdure.ledger.proofs import is_included

__all__ = ["BadProof", "ProofFile"]

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_MOST_HASHES: Final = 63
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


class BadProof(ValueError):
    """A file is no proof, or does not prove what it is about."""


@dataclass(frozen=True)
class ProofFile:
    """Where an entry is, what leads from it to the root, and who signed the root.

    Attributes:
        index: The entry's, from 0.
        path: Hashes from the leaf's sibling up to below the root.
        checkpoint: The signed note.
        extra: The entry itself, since the proof names only its place. Nothing vouches for it but the path.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    def __str__(self) -> str:
        """Return the text of the file."""
        extra = [f"extra {encoded(self.extra)}"] if self.extra else []
        hashes = [encoded(node) for node in self.path]
        return "\n".join([_HEADER, *extra, f"index {self.index}", *hashes, "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> "ProofFile":
        """Read a file.

        Raises:
            BadProof: It is no proof.
        """
        proof, _, checkpoint = text.partition("\n\n")
        header, *lines = proof.split("\n")
        if header != _HEADER:
            raise BadProof(f"A proof begins with the line {_HEADER}.")
        extra = _decoded(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
        index = _INDEX.fullmatch(lines[0]) if lines else None
        if index is None or len(lines) > 1 + _MOST_HASHES:
            raise BadProof("A proof has a line `index N` and at most 63 hashes before its checkpoint.")
        path = tuple(_decoded(line) for line in lines[1:])
        if any(len(node) != 32 for node in path):  # noqa: PLR2004 (SHA-256)
            raise BadProof("Each hash of a proof has 32 bytes in base64.")
        return cls(int(index[1]), path, checkpoint, extra)

    def verified(self, verifiers: list[Verifier], entry: bytes | None = None) -> Checkpoint:
        """Return the signed checkpoint in which the entry is; without ``entry``, the one that the file carries.

        Raises:
            BadProof: Nobody known signed the checkpoint, or the entry is not at its place in it.
        """
        try:
            checkpoint, _ = open_checkpoint(self.checkpoint, verifiers)
        except BadNote as error:
            raise BadProof(f"The checkpoint does not hold: {error}") from error
        leaf = leaf_hash(self.extra if entry is None else entry)
        if not is_included(leaf, self.index, checkpoint.size, checkpoint.root, self.path):
            raise BadProof(f"The entry is not leaf {self.index} of the {checkpoint.size} of {checkpoint.origin}.")
        return checkpoint


def _decoded(text: str) -> bytes:
    value = decoded(text)
    if value is None:
        raise BadProof(f"This is not base64: {text[:80]!r}.")
    return value
