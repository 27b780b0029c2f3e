"""Whether a waiting start may be released: a pure function of the route's limits and of its open runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from perdure.config.flow_control import FlowControl
from perdure.contracts import Limit
from perdure.values.window import Window

__all__ = ["Action", "CancelOpen", "Occupancy", "Release", "Skip", "Wait", "next_action", "next_start"]

_LATE: Final = timedelta(milliseconds=50)  # a start that is released so late delays no other one


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What a route's limits depend on.

    Attributes:
        open: How many of its runs are open.
        same_key: How many of them have the key of the start.
        rivals: Workflow ids of these, where the key is that of a singleton.
        next_start: The start rate allows no release before (UTC).
    """

    open: int = 0
    same_key: int = 0
    rivals: Sequence[str] = ()
    next_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Publish the start."""


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


def next_action(seen: Occupancy, *, flow: FlowControl, window: Window | None, now: datetime) -> Action:
    """Decide what to do with a waiting start.

    Args:
        seen: The state of the route.
        flow: The limits.
        window: When runs may start at all.
        now: The time of the server (UTC).
    """
    if seen.rivals and flow.singleton == "skip":
        return Skip(seen.rivals[0])
    if window is not None and (opening := window.next_opening(now)) > now:
        return Wait(opening, "window")
    if flow.rate is not None and seen.next_start is not None and seen.next_start > now:
        # A process of 0.1 wrote the time of its own clock, which may have been fast.
        return Wait(min(seen.next_start, now + flow.rate.interval), "rate")
    return _by_open_runs(seen, flow)


def _by_open_runs(seen: Occupancy, flow: FlowControl) -> Action:
    if seen.rivals and flow.singleton == "cancel":
        return CancelOpen(tuple(seen.rivals))
    if flow.open_per_key is not None and seen.same_key >= flow.open_per_key:
        return Wait(None, "max_open_per_key" if flow.singleton is None else "singleton", all=False)
    if flow.max_open is not None and seen.open >= flow.max_open:
        return Wait(None, "max_open")
    return Release()


def next_start(before: datetime | None, flow: FlowControl, now: datetime) -> datetime | None:
    """Return when the rate allows the next release after one that happens now."""
    if flow.rate is None:
        return None
    due = before if before is not None and now - _LATE <= before <= now else now
    return due + flow.rate.interval
