"""Refuses every activity that the worker of a test does not know: Temporal would retry it for ever."""

from collections.abc import Sequence

from temporalio import activity
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from perdure.testing.mistakes import Mistakes
from perdure.values.nearest import nearest

__all__ = ["UnknownActivity"]


class UnknownActivity:
    """A dynamic activity that refuses.

    Args:
        known: The names of the activities that the worker has.
        mistakes: Where the refusal is recorded.
    """

    def __init__(self, known: Sequence[str], mistakes: Mistakes) -> None:
        self._known = known
        self._mistakes = mistakes

    @activity.defn(dynamic=True)
    async def refuse(self, args: Sequence[RawValue]) -> None:  # noqa: ARG002 (temporalio's signature)
        """Fail the step and the test."""
        name = activity.info().activity_type
        near = nearest(name, self._known, stop=".")
        advice = "Import it in the module of the workflow, or pass it to the run: activities=[...]."
        sentence = f"No activity is called {name}{near} {advice}"
        self._mistakes.record(sentence)
        raise ApplicationError(sentence, type="UnknownActivity", non_retryable=True)
