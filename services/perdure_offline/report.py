"""Writes the analyses of a text as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from perdure_offline.analysis import Analysis
from perdure_offline.entities import Entity
from perdure_offline.task import OfflineTask

__all__ = ["report"]

_SHOWN: Final = 12  # entities of one kind


def report(analysis: Analysis, tasks: Sequence[OfflineTask]) -> str:
    """Return the result of one task as it is; of several, or of all if none is named, under headings."""
    if len(tasks) == 1:
        return _SECTIONS[tasks[0]](analysis)
    sections = [f"## {task.capitalize()}\n\n{_SECTIONS[task](analysis)}" for task in tasks or OfflineTask]
    title = f"# Analysis: {analysis.title}" if analysis.title else "# Analysis"
    return "\n\n".join([title, *sections])


def _summary(analysis: Analysis) -> str:
    return analysis.summary.text or "The text has no sentence to choose."


def _sentiment(analysis: Analysis) -> str:
    tone = analysis.sentiment
    quotes = [f"- {each.score:+.2f}: {each.sentence}" for each in tone.evidence]
    grounds = "\n".join(quotes) or "No sentence takes a side in words that the English lexicon knows."
    return f"**{tone.label.capitalize()}**, {tone.score:+.2f} on a scale from -1 to +1.\n\n{grounds}"


def _entities(analysis: Analysis) -> str:
    return "\n".join(_by_kind(analysis.entities)) or "The text names nothing that follows a known pattern."


def _by_kind(entities: Sequence[Entity]) -> Iterator[str]:
    for kind, group in groupby(entities, attrgetter("kind")):
        found = [_counted(entity) for entity in group]
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield f"- **{kind}**: {'; '.join(found[:_SHOWN])}{more}"


def _counted(entity: Entity) -> str:
    return entity.text if entity.count == 1 else f"{entity.text} ({entity.count})"


def _key_phrases(analysis: Analysis) -> str:
    return ", ".join(phrase.text for phrase in analysis.key_phrases) or "The text has no phrase to choose."


_SECTIONS: Final[dict[OfflineTask, Callable[[Analysis], str]]] = {
    OfflineTask.SUMMARY: _summary,
    OfflineTask.SENTIMENT: _sentiment,
    OfflineTask.ENTITIES: _entities,
    OfflineTask.KEY_PHRASES: _key_phrases,
}
