"""What a field of a form may hold, told by its name: the names that authors of output models like to use."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

from perdure_offline.analysis import Analysis
from perdure_offline.entities import Kind
from perdure_offline.language import language_of, words
from perdure_offline.report import report
from perdure_offline.task import Task

__all__ = ["Facts", "Grade", "Listing", "one_spelling"]


@dataclass(frozen=True, slots=True)
class Grade:
    """A number from -1 to 1, which a form may want on a scale of its own."""

    value: float

    def between(self, low: float, high: float) -> float:
        """Return the grade on a scale with other ends."""
        return low + (self.value + 1) / 2 * (high - low)


@dataclass(frozen=True, slots=True)
class Listing:
    """Several facts of a kind, for forms that want a list, and in words, for those that want a string."""

    items: tuple[str | dict[str, Any], ...]
    text: str


def one_spelling(field: str) -> str:
    """Make one of many: ``NamedEntities``, ``named-entities`` and ``named_entities`` ask for the same."""
    return field.casefold().replace("_", "").replace("-", "").replace(" ", "").replace("iz", "is")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a text: as a whole (it is a listing, too) and by the names of fields."""

    analysis: Analysis
    tasks: tuple[Task, ...]

    @property
    def items(self) -> tuple[str | dict[str, Any], ...]:
        """What was asked for, as a list; a summary's sentences if nothing was named."""
        return tuple(item for task in self.tasks or (Task.SUMMARY,) for item in _LISTED[task](self.analysis).items)

    @property
    def text(self) -> str:
        """What was asked for, in words."""
        return report(self.analysis, self.tasks)

    def about(self, field: str) -> Any:
        """Return the fact that a field of this name asks for; None if nothing is known by that name."""
        name = one_spelling(field)
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
_LISTED: Final[dict[Task, Callable[[Analysis], Listing]]] = {
    Task.SUMMARY: _summary,
    Task.SENTIMENT: _evidence,
    Task.ENTITIES: _entities,
    Task.KEY_PHRASES: _key_phrases,
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
