"""A burst: how fast ingest makes commands of events, beside a bare consumer on the same server.

The consumer is paused while the burst is published; the clock runs from when it is let go until all has come out.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from rich.console import Console
from rich.table import Table

from bench.front_door import FrontDoor, publish_events, stored
from bench.report import at_least, median, tell

__all__ = ["Burst", "measure_burst"]

_FLOOR: Final = "bare, one by one"
_BARE: Final = {_FLOOR: 1, "bare, 64 at once": 64}
_INGEST: Final = "ingest"
_AIM: Final = 0.5
_IN: Final = "BARE_IN"
_OUT: Final = "BARE_OUT"
_IN_FLIGHT: Final = 512  # ingest's consumer has the same
_PAUSED: Final = timedelta(hours=1)
_LOOK_EVERY: Final = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of a burst.

    Attributes:
        rounds: Events a second, by contestant.
    """

    events: int
    rounds: list[dict[str, float]]

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; ratios are taken within each round."""
        return {
            "per_second": {name: median([it[name] for it in self.rounds]) for name in self.rounds[0]},
            "ratios": {name: median([it[_INGEST] / it[name] for it in self.rounds]) for name in _BARE},
            "aims": {_FLOOR: _AIM},
            **asdict(self),
        }

    def show(self, console: Console) -> None:
        """Print a table."""
        found = self.summary()
        table = Table("", "events/s", "ingest to it", title=f"A burst of {self.events:,} events of 1 KiB")
        for name, rate in found["per_second"].items():
            ratio = found["ratios"].get(name)
            table.add_row(name, f"{rate:,.0f}", "" if ratio is None else at_least(ratio, found["aims"].get(name)))
        console.print(table)


@dataclass(frozen=True, slots=True)
class _Way:
    """From which consumer of which stream, over which subject, to which stream."""

    stream: str
    durable: str
    subject: str
    out: str


async def measure_burst(door: FrontDoor, events: int, rounds: int) -> Burst:
    """Let each contestant work off such a burst, one after the other."""
    js = door.js
    await js.add_stream(StreamConfig(name=_IN, subjects=["bare.in"]))
    await js.add_stream(StreamConfig(name=_OUT, subjects=["bare.out"]))
    played = []
    for number in range(rounds):
        tell(f"burst, round {number + 1} of {rounds}")
        rates = {}
        for name, at_once in _BARE.items():
            async with _bare(door, f"bare-{at_once}", at_once) as way:
                rates[name] = await _work_off(js, way, events)
        rates[_INGEST] = await _work_off(js, _Way("EVENTS", "ingest", "events.bench.burst", "COMMANDS"), events)
        played.append(rates)
    return Burst(events, played)


@asynccontextmanager
async def _bare(door: FrontDoor, durable: str, at_once: int) -> AsyncIterator[_Way]:
    await door.js.purge_stream(_IN)
    await door.js.add_consumer(_IN, ConsumerConfig(durable_name=durable, max_ack_pending=_IN_FLIGHT))
    command = [sys.executable, "-m", "bench.bare", door.server, _IN, durable, "bare.out", str(at_once)]
    bare = await asyncio.create_subprocess_exec(*command)
    try:
        yield _Way(_IN, durable, "bare.in", _OUT)
    finally:
        bare.terminate()
        await bare.wait()


async def _work_off(js: JetStreamContext, way: _Way, events: int) -> float:
    """Return how many a second came out."""
    until = (await js.stream_info(way.out)).state.messages + events
    await js.pause_consumer(way.stream, way.durable, (datetime.now(UTC) + _PAUSED).isoformat())
    await publish_events(js, way.subject, events)
    while not (await js.consumer_info(way.stream, way.durable)).num_waiting:  # then somebody is there and asks
        await asyncio.sleep(_LOOK_EVERY)
    began = time.perf_counter()
    await js.resume_consumer(way.stream, way.durable)
    await stored(js, way.out, until)
    return events / (time.perf_counter() - began)
