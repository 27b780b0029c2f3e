"""The outcome of a run, for assertions in tests."""

from dataclasses import dataclass
from typing import Any

from perdure.contracts import ENDINGS, Alert, Message, Progress, in_order

__all__ = ["RunOutcome"]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run: its result, its facts and everything that was published.

    Attributes:
        workflow_id: The workflow id of the run.
        messages: All messages published on the bus, in order, including those of child runs.
    """

    workflow_id: str
    messages: tuple[Message, ...]

    @property
    def ending(self) -> Progress:
        """The last fact: ``completed``, ``failed`` or ``cancelled``."""
        return self.progress[-1]

    @property
    def has_ended(self) -> bool:
        """Whether the run has published its end."""
        return bool(self.progress) and self.ending.kind in ENDINGS

    @property
    def result(self) -> Any:
        """The result of the run, as JSON.

        Raises:
            AssertionError: The run did not complete; the message has its error.
        """
        if self.ending.kind != "completed":
            raise AssertionError(f"The run {self.ending.kind}: {self.ending.error}")
        return self.ending.result

    @property
    def error(self) -> str | None:
        """The error of a failed run, else None."""
        return self.ending.error

    @property
    def progress(self) -> list[Progress]:
        """The facts of the run in order, across continue-as-new."""
        facts = [message for message in self.messages if isinstance(message, Progress)]
        return in_order(fact for fact in facts if fact.workflow_id == self.workflow_id)

    @property
    def steps(self) -> list[str]:
        """The names of the started steps, in order, without retries."""
        started = [fact for fact in self.progress if fact.kind == "step_started" and fact.attempt == 1]
        return [fact.step or "" for fact in started]

    @property
    def notes(self) -> list[str]:
        """The texts of the run's notes."""
        return [str(fact.result) for fact in self.progress if fact.kind == "note"]

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of the run."""
        return [
            message
            for message in self.messages
            if isinstance(message, Alert) and message.workflow_id == self.workflow_id
        ]
