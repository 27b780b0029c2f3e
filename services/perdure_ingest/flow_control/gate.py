"""Whether a waiting start may be released: a pure function of the route's limits and of its open runs."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from perdure.config.flow_control import FlowControl
from perdure.contracts import Limit, StartWorkflow
from perdure.values.window import Window

__all__ = ["Action", "CancelOpen", "LastRelease", "OpenRuns", "Release", "Skip", "Wait", "next_action"]


class LastRelease(BaseModel):
    """The start that was released last: before the next release, a process makes sure that it was published.

    Attributes:
        subject: The subject under which it waits until then.
        sequence: Its sequence in that stream.
        command: The start itself, if a newer one may replace the waiting message meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    sequence: int
    command: StartWorkflow | None = None


class OpenRuns(BaseModel):
    """The state of a route's limits; one entry of the bucket FLOW.

    Attributes:
        runs: Key by workflow id, of each run that was released and has not ended.
        next_start: The start rate allows no release before (UTC).
        last_release: The start that was released last.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    runs: dict[str, str] = {}
    next_start: AwareDatetime | None = None
    last_release: LastRelease | None = Field(default=None, alias="going")

    def with_key(self, key: str) -> list[str]:
        """Return the open runs with this key."""
        return [run for run, run_key in self.runs.items() if run_key == key]

    def without(self, run: str) -> "OpenRuns":
        """Return the state after a run has ended."""
        return self.model_copy(update={"runs": {it: key for it, key in self.runs.items() if it != run}})


@dataclass(frozen=True, slots=True)
class Release:
    """Publish the start.

    Attributes:
        open: The state afterwards.
    """

    open: OpenRuns


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the start where it waits.

    Attributes:
        until: Evaluate it again at this time; None: when a run ends.
        limit: The limit that it waits for.
        all: Whether everything of the route waits, not only what has this key.
    """

    until: datetime | None
    limit: Limit
    all: bool = True


@dataclass(frozen=True, slots=True)
class Skip:
    """Drop the start: a run with its key is open, and the route allows no second one.

    Attributes:
        by: The workflow id of that run.
    """

    by: str


@dataclass(frozen=True, slots=True)
class CancelOpen:
    """Cancel open runs, and leave the start waiting until they have ended.

    Attributes:
        runs: Their workflow ids.
    """

    runs: tuple[str, ...]


Action = Release | Wait | Skip | CancelOpen


def next_action(  # noqa: PLR0911, PLR0913 (one line a limit; one argument a fact that limits depend on)
    opened: OpenRuns, run: str, key: str, *, flow: FlowControl, window: Window | None, now: datetime
) -> Action:
    """Decide what to do with a waiting start.

    Args:
        opened: The state of the route's limits.
        run: The start's workflow id.
        key: The value of its ``flow.key``, as a token.
        flow: The limits.
        window: When runs may start at all.
        now: The time (UTC).
    """
    if run in opened.runs:
        return Release(opened)
    same_key = opened.with_key(key)
    if same_key and flow.singleton == "skip":
        return Skip(same_key[0])
    if window is not None and (opening := window.next_opening(now)) > now:
        return Wait(opening, "window")
    if opened.next_start is not None and flow.rate is not None and opened.next_start > now:
        return Wait(opened.next_start, "rate")
    if same_key and flow.singleton == "cancel":
        return CancelOpen(tuple(same_key))
    if flow.open_per_key is not None and len(same_key) >= flow.open_per_key:
        return Wait(None, "max_open_per_key" if flow.singleton is None else "singleton", all=False)
    if flow.max_open is not None and len(opened.runs) >= flow.max_open:
        return Wait(None, "max_open")
    return Release(_after_release(opened, run, key, flow, now))


def _after_release(opened: OpenRuns, run: str, key: str, flow: FlowControl, now: datetime) -> OpenRuns:
    runs = {**opened.runs, run: key} if flow.counts_open else {}
    next_start = now + flow.rate.interval if flow.rate is not None else None
    return opened.model_copy(update={"runs": runs, "next_start": next_start})
