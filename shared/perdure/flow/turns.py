"""The turns that a model takes before it answers: one that goes round in circles fails its run with a reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_core import to_json
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from perdure.flow.messages import ToolCall
from perdure.flow.notify import note

__all__ = ["TurnLimits", "Turns"]

_BOUNDED: Final = "perdure-same-calls-are-bounded"
_LONGEST_CALL: Final = 300  # characters of a call in the error


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How long a model may go on calling tools.

    Attributes:
        turns: The requests that one prompt may take.
        same_calls: How often one prompt may lead to the same call, with the same arguments.
    """

    turns: int
    same_calls: int

    def __post_init__(self) -> None:
        for name, limit in (("max_turns", self.turns), ("max_same_calls", self.same_calls)):
            if limit < 1:
                raise ValueError(f"{name} is {limit}: an agent needs at least 1")


class Turns:
    """The turns since a prompt."""

    def __init__(self, agent: str, limits: TurnLimits) -> None:
        self._agent = agent
        self._limits = limits
        self._calls: Counter[str] = Counter()
        self._last = ""

    async def count(self, calls: Sequence[ToolCall]) -> None:
        """Count the calls of a turn, before they are made.

        Raises:
            ApplicationError: One of them was made too often (``TooManySameCalls``).
        """
        for call in calls:
            self._last = _text(call)
            self._calls[self._last] += 1
            if self._calls[self._last] > self._limits.same_calls and workflow.patched(_BOUNDED):
                raise await self._error(
                    f"called {self._shown} {self._limits.same_calls} times since its prompt, and now once more",
                    kind="TooManySameCalls",
                    option="max_same_calls",
                )

    async def error(self) -> ApplicationError:
        """Publish a note that all turns are over, and return the error to fail with (``TooManyTurns``)."""
        return await self._error(
            f"called tools {self._limits.turns} times in a row and gave no answer; its last call was {self._shown}",
            kind="TooManyTurns",
            option="max_turns",
        )

    @property
    def _shown(self) -> str:
        return self._last if len(self._last) <= _LONGEST_CALL else f"{self._last[:_LONGEST_CALL]}…"

    async def _error(self, what: str, *, kind: str, option: str) -> ApplicationError:
        text = f"The model of {self._agent} {what}. `Agent(…, {option}=…)` allows more."
        if workflow.patched(_BOUNDED):
            await note(text)
        return ApplicationError(text, type=kind, non_retryable=True)


def _text(call: ToolCall) -> str:
    """Return a call as text that is the same for the same call, in whatever order its arguments stand."""
    arguments = call.arguments if call.arguments is None else dict(sorted(call.arguments.items()))
    return f"{call.tool}({to_json(arguments).decode()})"
