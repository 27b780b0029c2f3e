"""What holds a start that has just been stored, and its place in line: for its verdict, in any process."""

import asyncio
from dataclasses import replace

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.config.flow_control import FlowControl
from perdure.contracts import Limit, from_token
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import CancelOpen, Occupancy, Skip, Wait, next_action, next_start
from perdure_ingest.flow_control.journal import journal_key
from perdure_ingest.flow_control.placement import Placement
from perdure_ingest.flow_control.ports import FlowPorts
from perdure_ingest.flow_control.waiting import WaitingSubjects, key_token

__all__ = ["LinePlace"]


class _Seen(BaseModel):
    """What a place in line needs of a ``Journal``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    open: int = 0
    next_start: AwareDatetime | None = None


class LinePlace:
    """Finds the place of waiting starts of one route."""

    def __init__(self, subjects: WaitingSubjects, flow: FlowControl, window: Window | None, ports: FlowPorts) -> None:
        self._subjects = subjects
        self._flow = flow
        self._window = window
        self._bus = ports.bus
        self._clock = ports.clock
        self._entries = ports.entries
        self._key = journal_key(subjects.route)

    async def find(self, subject: str) -> Placement:
        """Return which limit holds the start under a subject, and its place in the line of its key.

        Those before it count as open: in a burst they are stored, and not released yet.

        Raises:
            Unavailable: NATS does not answer.
        """
        key = key_token(subject)
        waiting, seen = await asyncio.gather(
            self._bus.count_by_subject(self._subjects.pattern_of_key(key)), self._occupancy(key)
        )
        place = max(1, sum(waiting.values()))
        if self._flow.debounce:
            return Placement("debounce", place)
        limit = self._limit(seen)
        if limit is None:
            before = place - 1 if self._flow.key is None else await self._before()
            limit = self._limit(self._after(seen, before, before_with_key=place - 1))
        return Placement(limit, place)

    def _limit(self, seen: Occupancy) -> Limit | None:
        match next_action(seen, flow=self._flow, window=self._window, now=self._clock.now()):
            case Wait(limit=limit):
                return limit
            case Skip() | CancelOpen():
                return "singleton"
            case _:
                return None

    async def _before(self) -> int:
        """Return how many starts wait in all lines of the route beside the newest one."""
        if self._flow.max_open is None and self._flow.rate is None:
            return 0
        oldest = await self._bus.read_next(self._subjects.pattern, after=0, count=1)
        return sum(it.pending for it in oldest)

    def _after(self, seen: Occupancy, before: int, *, before_with_key: int) -> Occupancy:
        """Return what the limits depend on once so many starts are released."""
        next_time = next_start(seen.next_start, self._flow, self._clock.now()) if before else seen.next_start
        return replace(seen, open=seen.open + before, same_key=seen.same_key + before_with_key, next_start=next_time)

    async def _occupancy(self, key: str) -> Occupancy:
        if self._flow.max_open is None and self._flow.rate is None:
            same_key = await self._open_with(key)
            return Occupancy(0, len(same_key), same_key)
        value, same_key = await asyncio.gather(self._entries.get(self._key), self._open_with(key))
        seen = _Seen() if value is None else _Seen.model_validate_json(value)
        return Occupancy(seen.open, len(same_key), same_key, seen.next_start)

    async def _open_with(self, key: str) -> list[str]:
        if self._flow.open_per_key is None:
            return []
        stored = await self._bus.count_by_subject(f"open.run.{self._subjects.route}.{key}.*")
        return [from_token(subject.rsplit(".", 1)[-1]) for subject in stored]
