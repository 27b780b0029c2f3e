"""Up to which place DECISIONS may be trimmed: an open run and its people still read decisions by their places.

A run verifies a decision from the stream, perhaps long after the bridge has settled it; the votes that an open request
shows are read from there too.
"""

from typing import Final

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.bus.views.kept_decisions import is_open
from perdure.errors import InvalidMessage
from perdure_orchestrator.early_places import EarlyPlaces
from perdure_orchestrator.parsing import read_decision

__all__ = ["DecisionFloor"]

_MOST: Final = 1_000  # decisions that are looked at each time; the next time goes on behind them


class DecisionFloor:
    """Looks at the oldest decisions until one is needed."""

    def __init__(self, bus: Bus, entries: KeyValue) -> None:
        self._bus = bus
        self._entries = entries

    async def done_until(self, sequence: int) -> int:
        """Return up to which sequence, at most the given one, no decision is of a run that is open or may begin.

        Raises:
            Unavailable: The bus does not answer.
        """
        most = await EarlyPlaces(self._entries, "DECISIONS").done_until(sequence)
        done, open_runs = 0, dict[str, bool]()
        for _ in range(_MOST):
            message = await self._bus.first("decisions.>", after=done)
            if message is None or message.sequence > most or await self._is_needed(message, open_runs):
                break
            done = message.sequence
        return min(done, most)

    async def _is_needed(self, message: StoredMessage, open_runs: dict[str, bool]) -> bool:
        try:
            run = read_decision(message)[0].workflow_id
        except InvalidMessage:
            return False  # its dead letter has it whole
        if run not in open_runs:
            open_runs[run] = await is_open(self._bus, run)
        return open_runs[run]
