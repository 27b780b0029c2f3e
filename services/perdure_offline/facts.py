"""The facts known of a text, found by the field names that authors of output models commonly use."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from perdure_offline.analysis import Analysis
from perdure_offline.entities import Kind
from perdure_offline.language import language_of, words
from perdure_offline.report import report
from perdure_offline.task import OfflineTask

__all__ = ["Facts", "Grade", "Listing", "normalised"]


@dataclass(frozen=True, slots=True)
class Grade:
    """A number from -1 to 1 that a form may put on another scale."""

    value: float

    def between(self, low: float, high: float) -> float:
        """Return the grade on the scale from low to high."""
        return low + (self.value + 1) / 2 * (high - low)


@dataclass(frozen=True, slots=True)
class Listing:
    """Facts of one kind, as a list and as one text: a form may require either."""

    items: tuple[str | dict[str, Any], ...]
    text: str


def normalised(field: str) -> str:
    """Return one spelling for ``NamedEntities``, ``named-entities`` and ``named_entities``."""
    return field.casefold().replace("_", "").replace("-", "").replace(" ", "").replace("iz", "is")


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts about a text: all that the tasks name, and single facts by field name."""

    analysis: Analysis
    tasks: tuple[OfflineTask, ...]

    @property
    def items(self) -> tuple[str | dict[str, Any], ...]:
        """The results of the tasks as a list; the sentences of the summary if there are no tasks."""
        return tuple(
            item for task in self.tasks or (OfflineTask.SUMMARY,) for item in _LISTED[task](self.analysis).items
        )

    @property
    def text(self) -> str:
        """The results of the tasks as one text."""
        return report(self.analysis, self.tasks)

    def for_field(self, field: str) -> Any:
        """Return the fact for a field of this name; None if there is none."""
        name = normalised(field)
        if name in _WHOLE:
            return self
        return next((find(self.analysis) for names, find in _FINDERS.items() if name in names), None)


def _summary(analysis: Analysis) -> Listing:
    return Listing(analysis.summary.sentences, analysis.summary.text)


def _sentiment(analysis: Analysis) -> dict[str, Any]:
    tone = analysis.sentiment
    return {"text": tone.label, "label": tone.label, "score": Grade(tone.score), "evidence": _evidence(analysis)}


def _evidence(analysis: Analysis) -> Listing:
    return _listing({**asdict(each), "text": each.sentence} for each in analysis.sentiment.evidence)


def _key_phrases(analysis: Analysis) -> Listing:
    return _listing({**asdict(each), "phrase": each.text} for each in analysis.key_phrases)


def _entities(analysis: Analysis, kind: Kind | None = None) -> Listing:
    return _listing(
        {**asdict(each), "type": each.kind, "name": each.text, "value": each.text}
        for each in analysis.entities
        if kind in {None, each.kind}
    )


def _listing(items: Iterable[dict[str, Any]]) -> Listing:
    kept = tuple(items)
    return Listing(kept, "; ".join(item["text"] for item in kept))


_WHOLE: Final = frozenset(("analysis", "answer", "markdown", "output", "report", "response", "result", "text"))
_LISTED: Final[dict[OfflineTask, Callable[[Analysis], Listing]]] = {
    OfflineTask.SUMMARY: _summary,
    OfflineTask.SENTIMENT: _evidence,
    OfflineTask.ENTITIES: _entities,
    OfflineTask.KEY_PHRASES: _key_phrases,
}
_FINDERS: Final[dict[tuple[str, ...], Callable[[Analysis], Any]]] = {
    ("title", "heading", "headline"): lambda analysis: analysis.title,
    ("language",): lambda analysis: language_of(analysis.text),
    ("words", "wordcount"): lambda analysis: len(words(analysis.text)),
    ("summary", "abstract", "gist", "overview", "keypoints", "tldr"): _summary,
    ("sentiment", "tone", "mood"): _sentiment,
    ("label", "polarity", "sentimentlabel"): lambda analysis: analysis.sentiment.label,
    ("score", "sentimentscore"): lambda analysis: Grade(analysis.sentiment.score),
    ("evidence", "quotes"): _evidence,
    ("keyphrases", "keyterms", "keywords", "tags", "topics"): _key_phrases,
    ("entities", "namedentities"): _entities,
    ("organisations", "companies"): lambda analysis: _entities(analysis, "organisation"),
    ("names",): lambda analysis: _entities(analysis, "name"),
    ("dates",): lambda analysis: _entities(analysis, "date"),
    ("amounts", "money", "sums"): lambda analysis: _entities(analysis, "money"),
    ("percentages",): lambda analysis: _entities(analysis, "percentage"),
    ("emails", "emailaddresses"): lambda analysis: _entities(analysis, "email"),
    ("links", "urls"): lambda analysis: _entities(analysis, "url"),
    ("references",): lambda analysis: _entities(analysis, "reference"),
}
