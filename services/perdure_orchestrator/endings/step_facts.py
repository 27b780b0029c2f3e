"""The facts of steps that are published with the ending of their run: those that no worker has published.

A worker's own fact about the end of its step wins: it saw the step end, and the run may have stopped waiting for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from perdure.contracts import Progress, ProgressKind
from perdure.flow.facts import ExpectedFacts

__all__ = ["expected_facts", "unpublished_facts", "unseen_facts"]

_ENDS: Final = frozenset({"step_completed", "step_failed"})


def expected_facts(expected: ExpectedFacts, ending: Progress) -> list[Progress]:
    """Return the facts that workers should have published before the ending, in order."""
    facts = [expected.beginning]
    for step in expected.steps:
        about = {"step": step.name, "result": None, "usage": None}
        end: ProgressKind = "step_completed" if step.error is None else "step_failed"
        started = {"kind": "step_started", "sequence": step.sequence, "error": None}
        facts.append(ending.model_copy(update={**about, **started}))
        ended = {"kind": end, "sequence": step.sequence + 1, "error": step.error, "usage": step.usage}
        facts.append(ending.model_copy(update={**about, **ended}))
    return facts


def unpublished_facts(expected: Iterable[Progress], stored: Iterable[Progress]) -> list[Progress]:
    """Return those of the expected facts that are not stored, by whichever attempt of a step.

    A stored ``step_completed`` counts for a failed tool too: earlier workers published that, with the tool's error.
    """
    known = {(fact.sequence, fact.kind) for fact in stored}
    completed = {fact.sequence for fact in stored if fact.kind == "step_completed"}
    return [
        fact
        for fact in expected
        if (fact.sequence, fact.kind) not in known and not (fact.kind == "step_failed" and fact.sequence in completed)
    ]


def unseen_facts(facts: Iterable[Progress], stored: Sequence[Progress]) -> Iterator[Progress]:
    """Yield the facts about steps whose end the run did not see, without those that their workers have published."""
    for fact in facts:
        if fact.kind not in _ENDS:
            if not _attempts(stored, fact.sequence, {fact.kind}):
                yield fact
        else:
            started = max(_attempts(stored, fact.sequence - 1, {"step_started"}), default=1)
            if started > max(_attempts(stored, fact.sequence, _ENDS), default=0):
                yield fact.model_copy(update={"attempt": started})


def _attempts(stored: Iterable[Progress], sequence: int, kinds: Iterable[str]) -> list[int]:
    """Return which attempts of a step have published a fact of these kinds."""
    return [fact.attempt for fact in stored if fact.sequence == sequence and fact.kind in kinds]
