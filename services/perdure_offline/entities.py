"""The people, parties, sums, dates and addresses that a text names, each as it is written there."""

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
_TAKEN: Final = " · "  # stands for what a pattern has found, so that nothing joins across it


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that the text names.

    Attributes:
        kind: A ``name`` may be a person, a place, a product or an organisation without a legal form.
        count: How often the text has it, written just so.
    """

    kind: Kind
    text: str
    count: int


def entities(text: str) -> tuple[Entity, ...]:
    """Find the entities of a text: kind by kind, the most frequent first, then in the order of the text."""
    found = Counter[tuple[Kind, str]]()
    lines = list(_lines(text, found))
    for name in names(lines, language_of(text)):
        found["organisation" if name.split()[-1] in LEGAL_FORMS else "name", name] += 1
    ranked = sorted(found.items(), key=lambda item: (_ORDER.index(item[0][0]), -item[1]))
    return tuple(Entity(kind, written, count) for (kind, written), count in ranked)


def _lines(text: str, found: Counter[tuple[Kind, str]]) -> Iterator[str]:
    """Say what is left of the text, line by line, once the patterns took (and counted) theirs."""
    for block in blocks(text):
        rest = _take(block.text, found)
        if block.kind == "prose":
            yield from sentences_of(rest)
        elif block.kind == "cell":  # in headings capital letters mean nothing
            yield rest


def _take(text: str, found: Counter[tuple[Kind, str]]) -> str:
    for kind, pattern in PATTERNS.items():
        found.update((kind, match[0]) for match in pattern.finditer(text))
        text = pattern.sub(_TAKEN, text)
    return text
