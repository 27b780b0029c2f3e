"""Splits a text into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from perdure_offline.blocks import blocks

__all__ = ["sentences", "sentences_of"]

# The libraries take quadratic time for a very long paragraph (a dump, a log), so it is read in pieces.
_PIECE: Final = re.compile(r"\S.{0,4999}(?!\S)|\S.{0,4999}", re.DOTALL)
# Full stops of East Asian, Indian and Arabic scripts: no abbreviation ends with them, so they need no model.
_CERTAIN_END: Final = re.compile(r"(?<=[\u3002\uff01\uff1f\u0964\u06d4\u061f])\s*")


def sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of the text's prose, as written; headings and tables have none."""
    return tuple(sentence for block in blocks(text) if block.kind == "prose" for sentence in sentences_of(block.text))


def sentences_of(prose: str) -> Iterator[str]:
    """Yield the sentences of one paragraph, given on one line."""
    from nupunkt import load  # noqa: PLC0415 (loads a model: only the first text pays for it)

    split = load("default").tokenize
    for piece in _PIECE.findall(prose):
        for part in _CERTAIN_END.split(piece):
            yield from (sentence.strip() for sentence in split(part) if _has_word(sentence))


def _has_word(sentence: str) -> bool:
    return any(character.isalnum() for character in sentence)
