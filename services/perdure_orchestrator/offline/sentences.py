"""The sentences of a text, because every analysis weighs sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from perdure_orchestrator.offline.blocks import blocks

__all__ = ["sentences", "sentences_of"]

# A paragraph without an end (a dump, a log) would cost quadratic time in the libraries, so it is read in pieces.
_PIECE: Final = re.compile(r"\S.{0,4999}(?!\S)|\S.{0,4999}", re.DOTALL)
# Full stops that need no model: no abbreviation ends with one.
_CERTAIN_END: Final = re.compile(r"(?<=[。！？।۔؟])\s*")


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of the text's prose, as written; headings and tables have none."""
    return tuple(sentence for block in blocks(text) if block.kind == "prose" for sentence in sentences_of(block.text))


def sentences_of(prose: str) -> Iterator[str]:
    """Split one paragraph on one line."""
    from nupunkt import sent_tokenize  # noqa: PLC0415 (the first text pays for the model, not every process)

    for piece in _PIECE.findall(prose):
        for part in _CERTAIN_END.split(piece):
            yield from filter(_says_something, map(str.strip, sent_tokenize(part)))


def _says_something(sentence: str) -> bool:
    return any(character.isalnum() for character in sentence)
