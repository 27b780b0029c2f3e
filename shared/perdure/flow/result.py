"""A run's outcome as a value: what it gave, or why it failed."""

from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["WorkflowResult"]

Value = TypeVar("Value")


class WorkflowResult(BaseModel, Generic[Value]):
    """A run may return this: with an error it ends as ``failed`` with that text, never as an empty success.

    Attributes:
        value: What the run gave; its ``completed`` progress carries this alone.
        error: Why it failed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Value | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.error is not None and self.value is not None:
            raise ValueError("a result has a value or an error, not both")
        return self
