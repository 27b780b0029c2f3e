"""Whether a start may go now: a pure function of the route's limits and of what is open."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.config.flow_control import FlowControl
from perdure.contracts import StartWorkflow
from perdure.values.window import Window

__all__ = ["Go", "Going", "OpenRuns", "Replace", "Skip", "Verdict", "Wait", "decide"]


class Going(BaseModel):
    """The start that was let go last: whoever lets go the next one first makes sure that this one went.

    Attributes:
        subject: Where it waits until it went.
        sequence: Its place there.
        command: The start itself, where a newer one may take its place meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    sequence: int
    command: StartWorkflow | None = None


class OpenRuns(BaseModel):
    """What a route's limits go by; one entry of the bucket FLOW.

    Attributes:
        runs: The key of each run that was let go and has not ended, by workflow id.
        next_start: The start rate allows none before.
        going: What was let go last.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    runs: dict[str, str] = {}
    next_start: AwareDatetime | None = None
    going: Going | None = None

    def of(self, key: str) -> list[str]:
        """Return the open runs with this key."""
        return [run for run, its_key in self.runs.items() if its_key == key]

    def without(self, run: str) -> "OpenRuns":
        """Return the same after a run has ended."""
        return self.model_copy(update={"runs": {it: key for it, key in self.runs.items() if it != run}})


@dataclass(frozen=True, slots=True)
class Go:
    """It may go, and this is what is open then."""

    open: OpenRuns


@dataclass(frozen=True, slots=True)
class Wait:
    """It has to wait.

    Attributes:
        until: Look again then; None: when a run ends.
        all: Whether everything of the route waits, not only what has this key.
    """

    until: datetime | None
    all: bool = True


@dataclass(frozen=True, slots=True)
class Skip:
    """A run with its key is open, and the route wants no second one."""


@dataclass(frozen=True, slots=True)
class Replace:
    """These runs are to be cancelled first."""

    runs: tuple[str, ...]


Verdict = Go | Wait | Skip | Replace


def decide(  # noqa: PLR0911, PLR0913 (one line a limit; what it goes by)
    opened: OpenRuns, run: str, key: str, *, flow: FlowControl, window: Window | None, now: datetime
) -> Verdict:
    """Judge a start.

    Args:
        opened: What is open.
        run: Its workflow id.
        key: The value of its ``flow.key``.
        flow: The limits.
        window: When runs may start at all.
        now: The time (UTC).
    """
    if run in opened.runs:
        return Go(opened)
    same_key = opened.of(key)
    if same_key and flow.singleton == "skip":
        return Skip()
    if window is not None and (opening := window.next_opening(now)) > now:
        return Wait(opening)
    if opened.next_start is not None and flow.rate is not None and opened.next_start > now:
        return Wait(opened.next_start)
    if same_key and flow.singleton == "cancel":
        return Replace(tuple(same_key))
    if flow.open_per_key is not None and len(same_key) >= flow.open_per_key:
        return Wait(None, all=False)
    if flow.max_open is not None and len(opened.runs) >= flow.max_open:
        return Wait(None)
    return Go(_after(opened, run, key, flow, now))


def _after(opened: OpenRuns, run: str, key: str, flow: FlowControl, now: datetime) -> OpenRuns:
    runs = {**opened.runs, run: key} if flow.counts_open else {}
    next_start = now + flow.rate.apart if flow.rate is not None else None
    return opened.model_copy(update={"runs": runs, "next_start": next_start})
