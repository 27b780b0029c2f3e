"""Finds the signed checkpoints in what somebody has kept: notes, a proof, or lines of JSON with notes in them."""

import json
import re
from collections.abc import Iterator
from typing import Final

from perdure.ledger import BadNote, BadProof, ProofFile, Witnessed, read_checkpoint

__all__ = ["known_notes", "witnessed"]

_PROOF: Final = "c2sp.org/tlog-proof"
_AFTER_A_NOTE: Final = re.compile(r"(?<=\n)(?=[^\n—][^\n]*\n[0-9]+\n)")


def known_notes(text: str) -> list[str]:
    """Return the signed notes in a file: one or more of them, a ``.tlog-proof``, or JSON as an export has it.

    Raises:
        BadNote: There is none, or something else.
    """
    try:
        if text.startswith(_PROOF):
            return [ProofFile.parse(text).checkpoint]
        if text.startswith("{"):
            return [str(json.loads(line)["note"]) for line in text.splitlines()]
    except (BadProof, ValueError, KeyError, TypeError) as error:
        raise BadNote(f"It has no signed checkpoint: {error}") from error
    return _AFTER_A_NOTE.split(text)


def witnessed(notes: list[str], source: str) -> Iterator[Witnessed]:
    """Yield the checkpoints in notes, whose signatures are to be verified.

    Raises:
        BadNote: One is no checkpoint.
    """
    for note in notes:
        yield Witnessed(read_checkpoint(note), source, note)
