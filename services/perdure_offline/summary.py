"""Summarises a text by choosing some of its own sentences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perdure_offline.language import language_of, stop_words, words
from perdure_offline.sentences import sentences as sentences_in

__all__ = ["Summary", "summarise"]

_FULL_LENGTH: Final = 10  # content words: a shorter sentence seldom stands alone
_LEAD: Final = 0.5  # how much more the first sentence counts than the last: writers put what matters first


@dataclass(frozen=True, slots=True)
class Summary:
    """The most informative sentences, in the order of the text.

    Attributes:
        sentences: Verbatim.
    """

    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The summary as one paragraph."""
        return " ".join(self.sentences)


def summarise(text: str, sentences: int = 4) -> Summary:
    """Choose the sentences whose words are frequent in the text; a word counts less once it is in the summary.

    The algorithm is SumBasic (Nenkova and Vanderwende, 2005) with a bonus for early sentences.
    """
    candidates = tuple(dict.fromkeys(sentences_in(text)))  # a repeated sentence is boilerplate, not emphasis
    function_words = stop_words(language_of(text))
    contents = [_content(candidate) - function_words for candidate in candidates]
    return Summary(tuple(candidates[index] for index in sorted(_choose(contents, sentences))))


def _content(sentence: str) -> frozenset[str]:
    return frozenset(word for word in words(sentence) if not word.isdecimal())


def _choose(contents: Sequence[frozenset[str]], wanted: int) -> list[int]:
    counted = Counter(word for content in contents for word in content)
    weights = {word: count / len(contents) for word, count in counted.items()}
    left, chosen = list(range(len(contents))), list[int]()
    while left and len(chosen) < wanted:
        best = max(left, key=lambda index: _score(contents[index], weights) * _place(index, len(contents)))
        left.remove(best)
        chosen.append(best)
        weights.update({word: weights[word] ** 2 for word in contents[best]})
    return chosen


def _score(content: frozenset[str], weights: dict[str, float]) -> float:
    return sum(weights[word] for word in content) / max(len(content), _FULL_LENGTH)


def _place(index: int, total: int) -> float:
    return 1 + _LEAD * (1 - index / total)
