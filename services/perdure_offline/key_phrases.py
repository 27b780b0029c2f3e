"""Finds the key phrases of a text: the phrases that it repeats."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from typing import Final

from perdure_offline.blocks import blocks
from perdure_offline.language import language_of, stop_words
from perdure_offline.patterns import CURRENCIES, MONTHS

__all__ = ["KeyPhrase", "key_phrases"]

_LONGEST: Final = 4  # words
_WORD_OR_BREAK: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[^\w\s]|_")
_SPANS: Final = ("second", "minute", "hour", "day", "week", "month", "year")
_NO_TOPIC: Final = frozenset(
    word.casefold() for word in (*CURRENCIES, *MONTHS, *_SPANS, *(f"{span}s" for span in _SPANS))
)


@dataclass(frozen=True, slots=True)
class KeyPhrase:
    """A phrase of one to four words.

    Attributes:
        text: As written where it first occurs.
        score: Its weight, relative to the first phrase: above 0, at most 1.
    """

    text: str
    score: float


def key_phrases(text: str, limit: int = 10) -> tuple[KeyPhrase, ...]:
    """Return the phrases with the highest weights, highest first.

    The weight is the C-value (Frantzi, Ananiadou and Mima, 2000): long and frequent phrases weigh more, a phrase that
    occurs mostly inside longer ones weighs less. Phrases that occur once count only if no phrase is repeated.
    """
    written, counts = _count(text)
    weights = _weigh(Counter({phrase: count for phrase, count in counts.items() if count > 1}) or counts)
    best = _without_parts(sorted(weights, key=weights.__getitem__, reverse=True), limit)
    return tuple(KeyPhrase(written[phrase], round(weights[phrase] / weights[best[0]], 3)) for phrase in best)


def _count(text: str) -> tuple[dict[str, str], Counter[str]]:
    written: dict[str, str] = {}
    counts = Counter[str]()
    for phrase in _phrases(text):
        counts[phrase.casefold()] += 1
        written.setdefault(phrase.casefold(), phrase)
    return written, counts


def _phrases(text: str) -> Iterator[str]:
    for run in _runs(text):
        for start in range(len(run)):
            for end in range(start + 1, min(start + _LONGEST, len(run)) + 1):
                yield " ".join(run[start:end])


def _runs(text: str) -> Iterator[list[str]]:
    skipped = stop_words(language_of(text)) | _NO_TOPIC
    for block in blocks(text):
        run: list[str] = []
        for token in _WORD_OR_BREAK.findall(block.text):
            if _is_content_word(token) and token.casefold() not in skipped:
                run.append(token)
            elif run:
                yield run
                run = []
        yield run


def _is_content_word(token: str) -> bool:
    return len(token) > 1 and token[0].isalpha()


def _weigh(counts: Counter[str]) -> dict[str, float]:
    longer_uses, longer_kinds = Counter[str](), Counter[str]()
    for phrase, count in counts.items():
        for inner in _inner(phrase):
            longer_uses[inner] += count
            longer_kinds[inner] += 1
    return {
        phrase: log2(1 + len(phrase.split())) * own
        for phrase, count in counts.items()
        if (own := count - longer_uses[phrase] / max(longer_kinds[phrase], 1)) > 0
    }


def _inner(phrase: str) -> set[str]:
    parts = phrase.split()
    return {" ".join(parts[start : start + length]) for length in range(1, len(parts)) for start in range(len(parts))}


def _without_parts(ranked: list[str], limit: int) -> list[str]:
    kept: list[str] = []
    for phrase in ranked:
        if len(kept) == limit:
            break
        if not any(f" {phrase} " in f" {longer} " for longer in kept):
            kept.append(phrase)
    return kept
