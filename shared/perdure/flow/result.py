"""The outcome of a run as a value: its result, or the error that fails it."""

from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["WorkflowResult"]

Value = TypeVar("Value")


class WorkflowResult(BaseModel, Generic[Value]):
    """A run may return this; with an error the run ends as ``failed`` with that text.

    Attributes:
        value: The result; the ``completed`` fact carries only this.
        error: The reason of the failure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: Value | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.error is not None and self.value is not None:
            raise ValueError("a result has a value or an error, not both")
        return self
