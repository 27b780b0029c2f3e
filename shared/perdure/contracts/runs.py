"""Runs as Temporal sees them: the orchestrator's NATS requests and replies, and what STUCK holds of a run."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.subjects import to_token

__all__ = [
    "BROKEN_CODE",
    "DESCRIBE_RUN",
    "FIND_RUNS",
    "MEND_THE_CODE",
    "MOST_FOUND",
    "FoundRun",
    "FoundRuns",
    "PendingStep",
    "RunDescription",
    "RunQuery",
    "RunSearch",
    "StuckRun",
]

DESCRIBE_RUN: Final = "queries.runs.describe"
"""Request subject. The request body is a ``RunQuery``, the reply body a ``RunDescription``."""

FIND_RUNS: Final = "queries.runs.find"
"""Request subject. The request body is a ``RunSearch``, the reply body a ``FoundRuns``."""

MOST_FOUND: Final = 500
"""The most runs of one reply."""

BROKEN_CODE: Final = "broken-code"
"""Key in the bucket BRIDGE: why the newest start of an orchestrator has failed, empty since the next that has not."""

MEND_THE_CODE: Final = "Mend the code and deploy it: the run goes on by itself."


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
        paused: Since when, by whom and why it is paused, in a sentence; absent if it is not.
        rerun_of: The run that it repeats, if an operator started it anew.
        problems: What Temporal reports of it (the search attribute ``TemporalReportedProblems``).
        task_queue: The task queue of its workflow tasks.
        begins_at: When it begins (UTC), if its start is delayed until then.
        build: The version of the code that it belongs to; absent if it has none, or none yet.
        polling: The versions whose workers have polled that queue within the last minute, empty for a worker without
            version; absent if the run is not open, and from services before 0.2.
    """

    workflow_id: str
    status: str | None = None
    pending: tuple[PendingStep, ...] = ()
    task_attempt: PositiveInt = 1
    task_failure: str | None = None
    paused: str | None = None
    rerun_of: str | None = None
    problems: tuple[str, ...] = ()
    task_queue: str | None = None
    begins_at: Instant | None = None
    build: str | None = None
    polling: tuple[str, ...] | None = None


class RunSearch(_Body):
    """A search for runs by Temporal's visibility query, such as ``CustomerId = "ACME"``.

    Attributes:
        where: The query; empty for all runs.
        limit: At most so many runs.
        page: ``next`` of the reply before; empty for the first page.
    """

    where: str = ""
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND)] = MOST_FOUND
    page: str = ""


class FoundRun(_Body):
    """A run that a search has found.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        status: Temporal's status, such as ``RUNNING``.
        started_at: When it was started (UTC).
        closed_at: When it ended (UTC), if it has.
    """

    workflow: str
    workflow_id: str
    run_id: str
    status: str
    started_at: Instant
    closed_at: Instant | None = None


class FoundRuns(_Body):
    """What a search has found, newest first.

    Attributes:
        runs: One page of runs. A run that has continued as new is found once for each of its executions.
        next: What to give as ``page`` for the next page; empty on the last.
        problem: Why Temporal does not take the query, in a sentence; empty if it does.
    """

    runs: tuple[FoundRun, ...] = ()
    next: str = ""
    problem: str = ""


class StuckRun(_Body):
    """A run that waits for mended code: its workflow tasks fail, and Temporal repeats them.

    The stream STUCK holds the newest of each run on ``stuck.<workflow>.<workflow id>``, until the run has gone on.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        error: The error with its place in the author's code, such as ``KeyError: 'name' (greetings.py:21)``.
        since: When a worker found it (UTC).
    """

    workflow: str
    workflow_id: str
    run_id: str
    error: str
    since: Instant

    @property
    def subject(self) -> str:
        """``stuck.<workflow>.<workflow id>``."""
        return f"stuck.{to_token(self.workflow)}.{to_token(self.workflow_id)}"

    @property
    def sentence(self) -> str:
        """What people read about it."""
        return f"waits for mended code: {self.error}"
