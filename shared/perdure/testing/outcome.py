"""What became of a run, as a test looks at it."""

from dataclasses import dataclass
from typing import Any

from perdure.contracts import Alert, Message, Progress, in_order

__all__ = ["RunOutcome"]


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The end of a run and its story.

    Attributes:
        workflow_id: Which run.
        said: All that was said on the bus, in order, by runs that it started too.
    """

    workflow_id: str
    said: tuple[Message, ...]

    @property
    def ending(self) -> Progress:
        """The last fact: ``completed``, ``failed`` or ``cancelled``."""
        return self.progress[-1]

    @property
    def result(self) -> Any:
        """What the run gave, as JSON.

        Raises:
            AssertionError: It did not complete; the sentence says why.
        """
        if self.ending.kind != "completed":
            raise AssertionError(f"The run {self.ending.kind}: {self.ending.error}")
        return self.ending.result

    @property
    def error(self) -> str | None:
        """Why it failed, if it did."""
        return self.ending.error

    @property
    def progress(self) -> list[Progress]:
        """Its facts by their numbers; those of a renewed run after those of the one before."""
        facts = [message for message in self.said if isinstance(message, Progress)]
        return in_order(fact for fact in facts if fact.workflow_id == self.workflow_id)

    @property
    def steps(self) -> list[str]:
        """The steps that it began, in order, without second tries."""
        begun = [fact for fact in self.progress if fact.kind == "step_started" and fact.attempt == 1]
        return [fact.step or "" for fact in begun]

    @property
    def notes(self) -> list[str]:
        """What it let people know."""
        return [str(fact.result) for fact in self.progress if fact.kind == "note"]

    @property
    def alerts(self) -> list[Alert]:
        """What it wants people to look at."""
        return [it for it in self.said if isinstance(it, Alert) and it.workflow_id == self.workflow_id]
