"""The facts that this process knows to be stored: only a run with unknown facts is looked up on the bus.

The fact of a step may be lost: NATS was away for longer than the step could wait, and then the process was killed. So
whoever publishes the ending of a run makes sure that everything before it is stored.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from perdure.contracts import Progress, ProgressKind

__all__ = ["PublishLog"]

_MAX_RUNS: Final = 10_000  # the oldest of more runs are forgotten, and looked up on the bus


class PublishLog:
    """The stored facts, by run."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, set[tuple[int, ProgressKind]]] = OrderedDict()

    def record(self, fact: Progress) -> None:
        """Remember that a fact is stored."""
        self._runs.setdefault(fact.run_id, set()).add((fact.sequence, fact.kind))
        if len(self._runs) > _MAX_RUNS:
            self._runs.popitem(last=False)

    def has_all(self, facts: Iterable[Progress]) -> bool:
        """Return whether all of these facts are known to be stored, by whichever attempt of a step."""
        return all((fact.sequence, fact.kind) in self._runs.get(fact.run_id, ()) for fact in facts)

    def last(self, run_id: str) -> int:
        """Return the highest sequence number of a run that is known to be stored, or 0."""
        return max((sequence for sequence, _ in self._runs.get(run_id, ())), default=0)

    def forget(self, run_id: str) -> None:
        """Forget a run that has ended."""
        self._runs.pop(run_id, None)
