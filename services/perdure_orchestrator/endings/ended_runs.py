"""The runs whose ending this process knows to be stored, or is publishing: nobody else of it looks for them."""

from collections import OrderedDict
from typing import Final

__all__ = ["EndedRuns"]

_MAX_RUNS: Final = 50_000  # the oldest of more runs are forgotten, and looked up on the bus


class EndedRuns:
    """A set of run ids that forgets the oldest."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, None] = OrderedDict()

    def add(self, run_id: str) -> None:
        """Remember that nothing is left to publish about a run."""
        self._runs[run_id] = None
        if len(self._runs) > _MAX_RUNS:
            self._runs.popitem(last=False)

    def discard(self, run_id: str) -> None:
        """Forget a run whose ending could not be published."""
        self._runs.pop(run_id, None)

    def __contains__(self, run_id: str) -> bool:
        """Return whether nobody needs to look for the ending of a run."""
        return run_id in self._runs
