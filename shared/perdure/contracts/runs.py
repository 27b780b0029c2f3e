"""The orchestrator's NATS request/reply: describing a run as Temporal sees it."""

from typing import Final

from pydantic import BaseModel, ConfigDict, PositiveInt

__all__ = ["DESCRIBE_RUN", "PendingStep", "RunDescription", "RunQuery"]

DESCRIBE_RUN: Final = "queries.runs.describe"
"""Request subject. The request body is a ``RunQuery``, the reply body a ``RunDescription``."""


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RunQuery(_Body):
    """The run to describe."""

    workflow_id: str


class PendingStep(_Body):
    """A pending activity.

    Attributes:
        activity: Name of the activity type.
        attempt: The attempt that is running or scheduled, from 1.
        last_failure: Why the attempt before failed.
    """

    activity: str
    attempt: PositiveInt
    last_failure: str | None = None


class RunDescription(_Body):
    """A run, as Temporal sees it.

    Attributes:
        status: Temporal's status, such as ``RUNNING``; absent if there is no such run.
        pending: The pending activities.
        task_attempt: The attempt of the current workflow task, from 1; above 1, the workflow's code keeps failing.
        task_failure: Why the last attempt of that workflow task failed.
    """

    workflow_id: str
    status: str | None = None
    pending: tuple[PendingStep, ...] = ()
    task_attempt: PositiveInt = 1
    task_failure: str | None = None
