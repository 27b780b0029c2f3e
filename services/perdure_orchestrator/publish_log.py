"""What this process knows to be on the bus: a run's story is looked up there only when some of it may be missing.

A step's fact may be lost: NATS was away for longer than the step could wait, and then its process was killed. So
whoever says a run's ending first makes sure that everything before it was said.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from perdure.contracts import Progress, ProgressKind
from perdure.flow.facts import ExpectedFacts

__all__ = ["PublishLog", "expected_facts"]

_MOST_RUNS: Final = 10_000  # of more, the oldest are looked up on the bus


class PublishLog:
    """The facts that were stored, by run."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, set[tuple[int, ProgressKind]]] = OrderedDict()

    def record(self, fact: Progress) -> None:
        """Remember that a fact is stored."""
        self._runs.setdefault(fact.run_id, set()).add((fact.sequence, fact.kind))
        if len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)

    def has_all(self, facts: Iterable[Progress]) -> bool:
        """Tell whether all of these facts are known to be stored, whichever attempt of a step said them."""
        return all((fact.sequence, fact.kind) in self._runs.get(fact.run_id, ()) for fact in facts)

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._runs.pop(run_id, None)


def expected_facts(story: ExpectedFacts, ending: Progress) -> list[Progress]:
    """Return what others were to say of a run before its ending, in order."""
    facts = [story.beginning]
    for step in story.steps:
        about = {"step": step.name, "result": None, "usage": None}
        end: ProgressKind = "step_completed" if step.error is None else "step_failed"
        start = {"kind": "step_started", "sequence": step.sequence, "error": None}
        facts.append(ending.model_copy(update={**about, **start}))
        ended = {"kind": end, "sequence": step.sequence + 1, "error": step.error, "usage": step.usage}
        facts.append(ending.model_copy(update={**about, **ended}))
    return facts
