"""What one may ask the orchestrator about a run, by NATS request and reply: the engine's own view."""

from typing import Final

from pydantic import BaseModel, ConfigDict, PositiveInt

__all__ = ["DESCRIBE_RUN", "PendingStep", "RunDescription", "RunQuery"]

DESCRIBE_RUN: Final = "queries.runs.describe"
"""The subject of the request; the body is a ``RunQuery``, the reply a ``RunDescription``."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RunQuery(_Part):
    """Which run."""

    workflow_id: str


class PendingStep(_Part):
    """A step that Temporal has scheduled and that has not ended.

    Attributes:
        attempt: Which try is under way or next.
        last_failure: Why the one before failed.
    """

    activity: str
    attempt: PositiveInt
    last_failure: str | None = None


class RunDescription(_Part):
    """A run, as Temporal sees it.

    Attributes:
        status: Temporal's word for it, such as ``RUNNING``; absent when it knows no such run.
        task_attempt: Which try of the workflow's own code is under way; more than one means that it keeps failing.
        task_failure: Why the last try of the workflow's own code failed.
    """

    workflow_id: str
    status: str | None = None
    pending: tuple[PendingStep, ...] = ()
    task_attempt: PositiveInt = 1
    task_failure: str | None = None
