"""What a run says of itself."""

from collections.abc import Iterable
from typing import Final, Literal

from pydantic import JsonValue, NonNegativeInt, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.usage import RunUsage

__all__ = ["ENDINGS", "Progress", "ProgressKind", "in_order"]

ProgressKind = Literal[
    "started",
    "step_started",
    "step_completed",
    "step_failed",
    "waiting",
    "resumed",
    "note",
    "completed",
    "failed",
    "cancelled",
    "terminated",
    "timed_out",
]

ENDINGS: Final = frozenset[ProgressKind]({"completed", "failed", "cancelled", "terminated", "timed_out"})
"""After one of these a run says nothing more."""


class Progress(Message):
    """One fact about a run.

    Attributes:
        sequence: Counts the facts of a run from 1, without gaps; the attempts of a step repeat its numbers.
        step: What one reads in the Temporal UI: the agent and what it does, or the activity's name.
        attempt: Which try of the step this is, from 1.
        part: Counts the notes of one try of a step from 1; such a note has the number of its ``step_started``. Else 0.
        event_id: The event that started the run.
        at: When it happened, by the worker's clock (UTC).
        result: The run's result, said with ``completed``.
        error: What went wrong, a sentence.
        usage: What a step's request to a model or call of a tool used, said with its ``step_completed``; of all, with a
            run's ending.
    """

    type: Literal["progress"] = "progress"
    workflow: str
    workflow_id: str
    run_id: str
    sequence: PositiveInt
    kind: ProgressKind
    step: str | None = None
    attempt: PositiveInt = 1
    part: NonNegativeInt = 0
    event_id: str | None = None
    at: Instant
    result: JsonValue = None
    error: str | None = None
    usage: RunUsage | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow and run."""
        return (self.workflow, self.workflow_id)

    @property
    def message_id(self) -> str:
        """Every attempt of a step is a fact of its own, and so is each of its notes."""
        part = f".{self.part}" if self.part else ""
        return f"{self.run_id}.{self.sequence}.{self.attempt}.{self.kind}{part}"


def in_order(facts: Iterable[Progress]) -> list[Progress]:
    """Sort the facts of one workflow id, given as they were heard: a renewed run comes before its successor."""
    heard = list(facts)
    runs = list(dict.fromkeys(fact.run_id for fact in heard))
    return sorted(heard, key=lambda fact: (runs.index(fact.run_id), fact.sequence, fact.attempt, fact.part))
