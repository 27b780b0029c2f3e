"""What holds a start that has just been stored, and its place in line: for its verdict, in any process."""

import asyncio

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perdure.config.flow_control import FlowControl
from perdure.contracts import from_token
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import CancelOpen, Occupancy, Skip, Wait, next_action
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
        match next_action(seen, flow=self._flow, window=self._window, now=self._clock.now()):
            case Wait(limit=limit):
                return Placement(limit, place)
            case Skip() | CancelOpen():
                return Placement("singleton", place)
            case _:
                return Placement(None, place)

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
