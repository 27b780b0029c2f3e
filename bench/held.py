"""Held events: starts released behind 5,000 open runs while many events wait, by one ingest process and by three."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from nats.js.api import AckPolicy, ConsumerConfig
from rich.console import Console
from rich.table import Table

from bench.front_door import FrontDoor, open_front_door, publish_events
from bench.report import tell
from perdure.bus import RawMessage, encode
from perdure.contracts import Progress

__all__ = ["Held", "measure_held"]

_PROCESSES: Final = (1, 3)
_OPEN: Final = 5_000  # `max_open` of the route
_SECONDS: Final = 30.0  # of each measurement at most; a start then costs what it costs behind so many open runs
_AHEAD: Final = 256  # runs that have ended and whose successors are not released yet
_STUCK_AFTER: Final = 120.0  # seconds without one more start


@dataclass(frozen=True, slots=True)
class Released:
    """Starts that were released in one stage.

    Attributes:
        starts: How many.
        per_second: Starts a second.
        ingest_ms: CPU of all ingest processes together, in milliseconds a start.
        nats_ms: CPU of nats-server, likewise.
    """

    starts: int
    per_second: float
    ingest_ms: float
    nats_ms: float


@dataclass(frozen=True, slots=True)
class Held:
    """What releasing takes.

    Attributes:
        waiting: Events that waited when the first of the open runs ended.
        flood: From the first event to 5,000 open runs with all others waiting, by number of ingest processes.
        replaced: Of 5,000 open runs one after the other ends, and the oldest waiting start takes its place.
    """

    waiting: int
    flood: dict[int, Released]
    replaced: dict[int, Released]

    def summary(self) -> dict[str, Any]:
        """Return the numbers, and three processes as a ratio to one."""
        few, many = _PROCESSES
        stages = {"flood": self.flood, "replaced": self.replaced}
        ratios = {name: round(of[many].per_second / of[few].per_second, 3) for name, of in stages.items()}
        return {**asdict(self), "ratios": ratios}

    def show(self, console: Console) -> None:
        """Print a table."""
        table = Table("", "ingest", "a second", "ingest CPU", "nats CPU", title=f"{self.waiting:,} events wait")
        for name, stage in ((f"{_OPEN + self.waiting:,} events come", self.flood), ("runs replaced", self.replaced)):
            for processes, of in stage.items():
                spent = [f"{it:.2f} ms" for it in (of.ingest_ms, of.nats_ms)]
                table.add_row(name, str(processes), f"{of.per_second:,.0f}", *spent)
        console.print(table)


async def measure_held(folder: Path, waiting: int) -> Held:
    """Fill a route and let events wait behind it, then end one run after the other."""
    folder.mkdir()
    flood: dict[int, Released] = {}
    replaced: dict[int, Released] = {}
    for processes in _PROCESSES:
        tell(f"held, {waiting} events behind {_OPEN} open runs, {processes} of ingest")
        async with open_front_door(folder / str(processes), ingests=processes) as door:
            meter = _Meter(door)
            await publish_events(door.js, "events.bench.held", _OPEN + waiting)
            await _wait_for_starts(door, _OPEN)
            await _wait_until_accepted(door)
            flood[processes] = meter.read(_OPEN + waiting)
            tell(f"held: {flood[processes]}")
            replaced[processes] = await _replace_runs(door, waiting)
            tell(f"held: {replaced[processes]}")
    return Held(waiting, flood, replaced)


class _Meter:
    """Reads elapsed and CPU time since it was made."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._began = time.perf_counter()
        self._before = self._spent()

    def read(self, starts: int) -> Released:
        elapsed = time.perf_counter() - self._began
        ingest, nats = [(now - before) / starts for now, before in zip(self._spent(), self._before, strict=True)]
        return Released(starts, starts / elapsed, ingest, nats)

    def _spent(self) -> tuple[float, float]:
        return sum(map(_cpu_ms, self._door.ingests)), _cpu_ms(self._door.nats)


async def _replace_runs(door: FrontDoor, waiting: int) -> Released:
    """End open runs, oldest first and only a few ahead of their successors; count the starts that take their places."""
    async with _starts(door) as starts:
        opened = [await starts.get() for _ in range(_OPEN)]
        meter, until, replaced, ended = _Meter(door), time.perf_counter() + _SECONDS, 0, 0
        while replaced < waiting and time.perf_counter() < until:
            ahead = opened[ended : min(replaced + _AHEAD, waiting)]
            await asyncio.gather(*(_end(door, run) for run in ahead))
            ended += len(ahead)
            async with asyncio.timeout(_STUCK_AFTER):
                opened.append(await starts.get())
            while not starts.empty():
                opened.append(starts.get_nowait())
            replaced = len(opened) - _OPEN
        return meter.read(replaced)


@asynccontextmanager
async def _starts(door: FrontDoor) -> AsyncIterator[asyncio.Queue[str]]:
    """Put the workflow id of each start that ingest publishes into a queue."""
    starts = asyncio.Queue[str]()

    async def receive(message: Any) -> None:
        starts.put_nowait(json.loads(message.data)["workflow_id"])

    config = ConsumerConfig(ack_policy=AckPolicy.NONE)
    subscription = await door.js.subscribe("commands.start.Held", cb=receive, config=config, ordered_consumer=True)
    try:
        yield starts
    finally:
        await subscription.unsubscribe()


async def _end(door: FrontDoor, run: str) -> None:
    """Publish the ending of a run, as the orchestrator would."""
    ended = Progress(
        workflow="Held", workflow_id=run, run_id=run, sequence=1, kind="completed", at=datetime.now(UTC), result=None
    )
    raw: RawMessage = encode(ended, source="perdure/bench")
    await door.js.publish(raw.subject, raw.body, headers=dict(raw.headers), timeout=_STUCK_AFTER)


async def _wait_for_starts(door: FrontDoor, starts: int) -> None:
    held, since = -1, time.monotonic()
    while held < starts:
        found = (await door.js.stream_info("COMMANDS")).state.messages
        if found > held:
            held, since = found, time.monotonic()
        elif time.monotonic() - since > _STUCK_AFTER:
            raise RuntimeError(f"{held} of {starts} starts are released, and none for {_STUCK_AFTER:.0f} s.")
        await asyncio.sleep(0.05)


async def _wait_until_accepted(door: FrontDoor) -> None:
    while True:
        consumer = await door.js.consumer_info("EVENTS", "ingest")
        if not consumer.num_pending and not consumer.num_ack_pending:
            return
        await asyncio.sleep(0.05)


def _cpu_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return (times.user + times.system) * 1_000
