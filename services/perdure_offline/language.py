"""The words of a text, its language, and the function words of a language."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

__all__ = ["language_of", "stop_words", "words"]

# In the order of preference on a tie.
_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "nl")
_SAMPLE: Final = 20_000  # characters: enough to identify a language
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def words(text: str) -> tuple[str, ...]:
    """Return the words of the text in lower case, in order."""
    return tuple(_WORD.findall(text.casefold()))


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code of the language whose function words are most frequent; None if there are none."""
    sample = words(text[:_SAMPLE])
    scores = {language: _count(sample, stop_words(language)) for language in _LANGUAGES}
    best = max(_LANGUAGES, key=scores.__getitem__)
    return best if scores[best] else None


def _count(sample: Sequence[str], known: frozenset[str]) -> int:
    return sum(word in known for word in sample)


@cache
def stop_words(language: str | None) -> frozenset[str]:
    """Return the function words of a language in lower case; those of English for None."""
    from stop_words import get_stop_words  # type: ignore[import-untyped]  # noqa: PLC0415 (reads files when imported)

    return frozenset(get_stop_words(language or "en"))
