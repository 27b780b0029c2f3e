"""Replays of histories: what the process ``perdure_orchestrator.replay`` reads and prints."""

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

__all__ = [
    "ReplayFailure",
    "ReplayMessage",
    "ReplayProgress",
    "ReplayRequest",
    "ReplaySummary",
    "RunReplay",
    "SampledRuns",
]


ReplayFailure = Literal["wrong", "unreachable", "not_found", "usage"]
"""Which error of ``perdure.errors`` a failure is."""


class ReplayRequest(BaseModel):
    """Which histories to replay.

    Attributes:
        source: Open runs, runs that were open at some time since an instant, or files.
        since: That instant (UTC).
        folder: The folder of the files, or one file.
        workflow: Only runs of this workflow.
        sample: At most so many runs of each workflow and version, the newest; by default all.
    """

    source: Literal["open", "since", "folder"]
    since: datetime | None = None
    folder: Path | None = None
    workflow: str | None = None
    sample: int | None = None


class RunReplay(BaseModel, frozen=True):
    """What came of the replay of one run.

    Attributes:
        run: The run's id.
        run_id: Temporal's run id; empty if a file does not have it.
        workflow: The name of its workflow.
        build: The build id of the worker version that the run belongs to; None for none.
        replays: Whether the code makes the same steps in the same order as the history has them.
        event: The event of the history that the code contradicts.
        line: The line of the author's code that does, as ``orders.py:42``.
        sentence: Why it does not replay; empty if it does.
    """

    run: str
    run_id: str
    workflow: str
    build: str | None = None
    replays: bool
    event: int | None = None
    line: str | None = None
    sentence: str = ""


class SampledRuns(BaseModel, frozen=True):
    """How many runs of one workflow and version were replayed, and of how many."""

    workflow: str
    build: str | None = None
    replayed: int
    of: int


class ReplaySummary(BaseModel, frozen=True):
    """All replays together.

    Attributes:
        runs: How many were replayed.
        replay: How many of them replay.
        differ: How many do not.
        sample: The runs by workflow and version.
        seconds: How long it took.
    """

    runs: int
    replay: int
    differ: int
    sample: list[SampledRuns]
    seconds: float


class ReplayProgress(BaseModel, frozen=True):
    """How far it is."""

    done: int
    of: int


class ReplayMessage(BaseModel, frozen=True):
    """A line of the process: a run and how far it is, the summary at the end, or an error and its kind."""

    run: RunReplay | None = None
    progress: ReplayProgress | None = None
    summary: ReplaySummary | None = None
    error: str | None = None
    kind: ReplayFailure | None = None
