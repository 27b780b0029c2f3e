"""Splits a text into blocks, because headings and table cells are not sentences and marks such as ``**`` not words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["Block", "blocks"]

_KINDS: Final[dict[str, Literal["heading", "cell"]]] = {"heading_open": "heading", "th_open": "cell", "td_open": "cell"}
_BREAKS: Final = frozenset({"softbreak", "hardbreak"})


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a table cell, or a stretch of prose.

    Attributes:
        kind: ``prose`` is text in sentences: paragraphs, list items, quotations.
        text: Plain, on one line, never empty.
    """

    kind: Literal["heading", "prose", "cell"]
    text: str


def blocks(text: str) -> tuple[Block, ...]:
    """Split a Markdown or plain text into blocks, without its code."""
    return tuple(_blocks(_parser().parse(text)))


def _blocks(tokens: Sequence[Token]) -> Iterator[Block]:
    for before, token in pairwise(tokens):
        if token.type == "inline" and (plain := " ".join(_plain(token).split())):
            yield Block(_KINDS.get(before.type, "prose"), plain)


def _plain(inline: Token) -> str:
    return "".join(" " if part.type in _BREAKS else part.content for part in inline.children or ())


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # noqa: PLC0415 (a slow import: only the first text pays for it)

    # Indented lines are plain text here rather than code, and angle brackets may be part of the text.
    return MarkdownIt("commonmark").enable("table").disable(["code", "html_block", "html_inline"])
