"""A rollout: what the process ``perdure_orchestrator.rollout`` reads and prints, and what the supervisor adds."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

__all__ = [
    "AnyRolloutEvent",
    "FilesLeftOut",
    "Finished",
    "Gated",
    "Moved",
    "NotRunning",
    "Promoted",
    "Retired",
    "RolloutEvent",
    "RolloutRefused",
    "RolloutRequest",
    "Stays",
]


class RolloutRequest(BaseModel, frozen=True):
    """What shall come of it.

    Attributes:
        dry_run: Only replay the open runs, and say what would come of them.
        all_or_nothing: Promote nothing unless every open run replays.
        build: The build to go back to; by default that of the code that lies here is rolled out.
        by: Who wants it; by default whoever runs the process.
    """

    dry_run: bool = False
    all_or_nothing: bool = False
    build: str | None = None
    by: str | None = None


class FilesLeftOut(BaseModel, frozen=True):
    """A version has no copy of its own of some files: it reads them as they are when it goes on beside newer code.

    Attributes:
        build: Its build.
        why: Which, and why.
    """

    event: Literal["files_left_out"] = "files_left_out"
    build: str
    why: str


class Gated(BaseModel, frozen=True):
    """Every open run was replayed against the code.

    Attributes:
        build: The build of the code.
        runs: How many runs were open.
        differ: How many of them do not replay.
        open_runs: How many runs are open of each build; of runs without a version, the build is empty.
    """

    event: Literal["gated"] = "gated"
    build: str
    runs: int
    differ: int
    open_runs: dict[str, int]


class Promoted(BaseModel, frozen=True):
    """New runs start on this build.

    Attributes:
        build: The build.
        before: The build that they started on before, if there was another.
    """

    event: Literal["promoted"] = "promoted"
    build: str
    before: str | None = None


class Moved(BaseModel, frozen=True):
    """An open run goes on with another build."""

    event: Literal["moved"] = "moved"
    run: str
    run_id: str
    workflow: str
    before: str
    build: str


class Stays(BaseModel, frozen=True):
    """An open run does not replay, and so stays on its build until it ends.

    Attributes:
        build: Its build; empty if it has none, and so waits for code that fits.
        line: The line of the author's code that makes the difference, as ``orders.py:42``.
        why: A sentence.
    """

    event: Literal["stays"] = "stays"
    run: str
    run_id: str
    workflow: str
    build: str
    line: str | None = None
    why: str


class Finished(BaseModel, frozen=True):
    """The rollout is complete.

    Attributes:
        build: The build.
        moved: How many runs were moved.
        stays: How many stay on other builds.
        open_runs: As in ``Gated``.
        dry_run: Whether nothing was changed.
    """

    event: Literal["finished"] = "finished"
    build: str
    moved: int
    stays: int
    open_runs: dict[str, int]
    dry_run: bool = False


class RolloutRefused(BaseModel, frozen=True):
    """Nothing was promoted, or the rollout did not come to its end.

    Attributes:
        why: A sentence, with what to do.
        is_passing: Whether the same may succeed later.
    """

    event: Literal["refused"] = "refused"
    why: str
    is_passing: bool = False


class NotRunning(BaseModel, frozen=True):
    """A version has open runs, and nothing here can run its code: they wait.

    Attributes:
        build: The version.
        runs: How many runs wait.
        why: Why, and what to do.
    """

    event: Literal["not_running"] = "not_running"
    build: str
    runs: int
    why: str


class Retired(BaseModel, frozen=True):
    """A version has no open run any more, and its processes were stopped."""

    event: Literal["retired"] = "retired"
    build: str


RolloutEvent = FilesLeftOut | Gated | Promoted | Moved | Stays | NotRunning | Finished | RolloutRefused | Retired

AnyRolloutEvent: TypeAdapter[RolloutEvent] = TypeAdapter(Annotated[RolloutEvent, Field(discriminator="event")])
"""Reads one line."""
