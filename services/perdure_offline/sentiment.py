"""Rates the tone of a text, and quotes the sentences that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal

from perdure_offline.language import language_of
from perdure_offline.sentences import sentences

if TYPE_CHECKING:
    from vader import SentimentIntensityAnalyzer

__all__ = ["Evidence", "Sentiment", "sentiment"]

_LABELLED: Final = 0.05  # from this score on, a text is positive or negative: the threshold of VADER's authors
_EVIDENT: Final = 0.3  # from this score on, a sentence is evidence
_QUOTED: Final = 3  # sentences of each tone
# The lexicon was rated for tweets, where a party is fun and a share is kind. In documents these words are neutral.
_NEUTRAL: Final = (
    "agreement",
    "alert",
    "alerts",
    "free",
    "interest",
    "like",
    "no",
    "parties",
    "party",
    "share",
    "value",
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of the text and its own score, from -1 to 1."""

    sentence: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The tone of a text.

    Attributes:
        score: The mean over all sentences, from -1 to 1.
        evidence: The most positive sentences, the strongest first, then the most negative ones.
    """

    label: Literal["positive", "neutral", "negative"]
    score: float
    evidence: tuple[Evidence, ...]


def sentiment(text: str) -> Sentiment:
    """Rate each sentence with the VADER lexicon (Hutto and Gilbert, 2014).

    The lexicon is English, so a text in another known language counts as neutral.
    """
    if language_of(text) not in {"en", None}:
        return Sentiment("neutral", 0.0, ())
    rated = [Evidence(sentence, _score(sentence)) for sentence in sentences(text)]
    mean = round(sum(each.score for each in rated) / max(len(rated), 1), 3)
    return Sentiment(_label(mean), mean, _evidence(rated))


def _score(sentence: str) -> float:
    return _analyzer().polarity_scores(sentence)["compound"]


def _label(score: float) -> Literal["positive", "neutral", "negative"]:
    if abs(score) < _LABELLED:
        return "neutral"
    return "positive" if score > 0 else "negative"


def _evidence(rated: Sequence[Evidence]) -> tuple[Evidence, ...]:
    up = sorted(rated, key=attrgetter("score"), reverse=True)
    down = sorted(rated, key=attrgetter("score"))
    return (
        *(each for each in up[:_QUOTED] if each.score >= _EVIDENT),
        *(each for each in down[:_QUOTED] if each.score <= -_EVIDENT),
    )


@cache
def _analyzer() -> SentimentIntensityAnalyzer:
    from vader import SentimentIntensityAnalyzer  # noqa: PLC0415 (a large lexicon: the first text pays for it)

    return SentimentIntensityAnalyzer(extra_lexicon=dict.fromkeys(_NEUTRAL, 0.0))
