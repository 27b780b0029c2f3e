"""Progress: the numbered facts that each run publishes about itself."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import JsonValue, NonNegativeInt, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message
from perdure.contracts.open_words import OPEN
from perdure.contracts.usage import RunUsage
from perdure.values.progress_kind import ENDINGS, ProgressKind

__all__ = ["ENDINGS", "Progress", "ProgressKind", "in_order"]


class Progress(Message):
    """One fact about a run.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        sequence: Counts the facts of a run from 1, without gaps; the attempts of a step repeat its numbers.
        kind: What happened.
        step: The step's name as in the Temporal UI: the agent and what it does, or the activity type.
        attempt: Counts the attempts of the step, from 1.
        part: Counts the notes of one attempt of a step, from 1; such a note has the sequence of its ``step_started``.
            0 in all other facts.
        event_id: The event that started the run.
        key: The value of ``flow.key`` of the route that started the run, as in its ``commands.start``.
        at: When it happened, by the worker's clock (UTC).
        result: The run's result, in ``completed``; the result of the wait, in ``resumed``.
        error: What went wrong, for people. In ``step_completed``, which only earlier workers publish so: the
            error of a tool, which its model was given.
        usage: What a model request or tool call used, in ``step_completed`` and in the ``step_failed`` of a tool that
            answered with an error: the step has ended so. A ``step_failed`` without it may be tried again. In the last
            fact of a run: the run's total.
    """

    type: Literal["progress"] = "progress"
    workflow: str
    workflow_id: str
    run_id: str
    sequence: PositiveInt
    kind: Annotated[ProgressKind, OPEN]
    step: str | None = None
    attempt: PositiveInt = 1
    part: NonNegativeInt = 0
    event_id: str | None = None
    key: str | None = None
    at: Instant
    result: JsonValue = None
    error: str | None = None
    usage: RunUsage | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow>.<workflow id>``."""
        return (self.workflow, self.workflow_id)

    @property
    def partition_key(self) -> str | None:
        """Its ``key``."""
        return self.key

    @property
    def occurred_at(self) -> datetime | None:
        """``at``."""
        return self.at

    @property
    def message_id(self) -> str:
        """One for each fact, attempt of a step and note; the same whoever publishes the ending of a run."""
        if self.kind in ENDINGS:
            return f"{self.run_id}.ended.{self.kind}"
        part = f".{self.part}" if self.part else ""
        return f"{self.run_id}.{self.sequence}.{self.attempt}.{self.kind}{part}"


def in_order(facts: Iterable[Progress]) -> list[Progress]:
    """Sort the facts of one workflow id by run and sequence.

    Args:
        facts: In the order in which they were received; it gives the order of the runs in a continue-as-new chain.
    """
    received = list(facts)
    runs = list(dict.fromkeys(fact.run_id for fact in received))
    return sorted(received, key=lambda fact: (runs.index(fact.run_id), fact.sequence, fact.attempt, fact.part))
