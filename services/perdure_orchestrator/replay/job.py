"""What the process that replays and the one that gives it histories exchange."""

from pydantic import BaseModel

from perdure.values.replay import RunReplay

__all__ = ["ChildMessage", "ReplayJob"]


class ReplayJob(BaseModel, frozen=True):
    """A run to replay; its history follows as ``temporal.api.history.v1.History``, in so many bytes.

    Attributes:
        run: The run's id, which is part of what replays.
        run_id: Temporal's run id; empty if unknown.
        workflow: The name of its workflow.
        build: The build id of its worker version; None for none.
        size: The number of bytes.
    """

    run: str
    run_id: str
    workflow: str
    build: str | None
    size: int


class ChildMessage(BaseModel, frozen=True):
    """A line of the process that replays.

    Attributes:
        replay: What came of the last job; None in a line that only shows that the process lives.
        is_spent: Whether the process ends with this.
        error: Why the code cannot be replayed at all.
    """

    replay: RunReplay | None = None
    is_spent: bool = False
    error: str | None = None
