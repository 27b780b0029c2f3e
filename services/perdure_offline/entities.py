"""Finds the people, parties, sums, dates and addresses that a text names, as they are written there."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from perdure_offline.blocks import blocks
from perdure_offline.language import language_of
from perdure_offline.names import LEGAL_FORMS, names
from perdure_offline.patterns import PATTERNS, Shape
from perdure_offline.sentences import sentences_of

__all__ = ["Entity", "Kind", "entities"]

Kind = Literal["organisation", "name"] | Shape

_ORDER: Final = ("organisation", "name", *get_args(Shape))
_EXTRACTED: Final = " · "  # replaces each match of a pattern, so that no name joins across it


@dataclass(frozen=True, slots=True)
class Entity:
    """A person, party, sum, date or address that the text names.

    Attributes:
        kind: A ``name`` may be a person, a place, a product or an organisation without a legal form.
        count: How often it occurs in exactly this spelling.
    """

    kind: Kind
    text: str
    count: int


def entities(text: str) -> tuple[Entity, ...]:
    """Return the entities of a text by kind: the most frequent first, then in the order of the text."""
    found = Counter[tuple[Kind, str]]()
    lines = list(_lines(text, found))
    for name in names(lines, language_of(text)):
        found["organisation" if name.split()[-1] in LEGAL_FORMS else "name", name] += 1
    ranked = sorted(found.items(), key=lambda item: (_ORDER.index(item[0][0]), -item[1]))
    return tuple(Entity(kind, written, count) for (kind, written), count in ranked)


def _lines(text: str, found: Counter[tuple[Kind, str]]) -> Iterator[str]:
    """Yield the sentences and cells without the matches of the patterns, which are counted in ``found``."""
    for block in blocks(text):
        rest = _extract(block.text, found)
        if block.kind == "prose":
            yield from sentences_of(rest)
        elif block.kind == "cell":  # headings are left out: their capital letters do not mark names
            yield rest


def _extract(text: str, found: Counter[tuple[Kind, str]]) -> str:
    for kind, pattern in PATTERNS.items():
        found.update((kind, match[0]) for match in pattern.finditer(text))
        text = pattern.sub(_EXTRACTED, text)
    return text
