"""A burst: the throughput of ingest from events to commands, compared with a bare consumer on the same server.

The consumer is paused while the burst is published; the clock runs from its resumption to the last output.
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

from bench.front_door import FrontDoor, publish_events, wait_until_stored
from bench.report import at_least, median, tell

__all__ = ["Burst", "measure_burst"]

_FLOOR: Final = "bare, one by one"
_BARE: Final = {_FLOOR: 1, "bare, 64 at once": 64}
_INGEST: Final = "ingest"
_AIM: Final = 0.5
_IN: Final = "BARE_IN"
_OUT: Final = "BARE_OUT"
_IN_FLIGHT: Final = 512  # as many as ingest's consumer
_PAUSED: Final = timedelta(hours=1)
_POLL_EVERY: Final = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Burst:
    """The throughput of each contestant.

    Attributes:
        rounds: Events per second by contestant, one entry a round.
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
class _Path:
    """The consumer, its input stream and subject, and the output stream."""

    stream: str
    durable: str
    subject: str
    out: str


async def measure_burst(door: FrontDoor, events: int, rounds: int) -> Burst:
    """Let each contestant process such a burst, one after the other."""
    js = door.js
    await js.add_stream(StreamConfig(name=_IN, subjects=["bare.in"]))
    await js.add_stream(StreamConfig(name=_OUT, subjects=["bare.out"]))
    played = []
    for number in range(rounds):
        tell(f"burst, round {number + 1} of {rounds}")
        rates = {}
        for name, at_once in _BARE.items():
            async with _bare(door, f"bare-{at_once}", at_once) as path:
                rates[name] = await _process(js, path, events)
        rates[_INGEST] = await _process(js, _Path("EVENTS", "ingest", "events.bench.burst", "COMMANDS"), events)
        played.append(rates)
    return Burst(events, played)


@asynccontextmanager
async def _bare(door: FrontDoor, durable: str, at_once: int) -> AsyncIterator[_Path]:
    await door.js.purge_stream(_IN)
    await door.js.add_consumer(_IN, ConsumerConfig(durable_name=durable, max_ack_pending=_IN_FLIGHT))
    command = [sys.executable, "-m", "bench.bare", door.server, _IN, durable, "bare.out", str(at_once)]
    bare = await asyncio.create_subprocess_exec(*command)
    try:
        yield _Path(_IN, durable, "bare.in", _OUT)
    finally:
        bare.terminate()
        await bare.wait()


async def _process(js: JetStreamContext, path: _Path, events: int) -> float:
    """Publish a burst and return the processed events per second."""
    expected = (await js.stream_info(path.out)).state.messages + events
    await js.pause_consumer(path.stream, path.durable, (datetime.now(UTC) + _PAUSED).isoformat())
    await publish_events(js, path.subject, events)
    while not (
        await js.consumer_info(path.stream, path.durable)
    ).num_waiting:  # until the consumer has a pull request waiting
        await asyncio.sleep(_POLL_EVERY)
    began = time.perf_counter()
    await js.resume_consumer(path.stream, path.durable)
    await wait_until_stored(js, path.out, expected)
    return events / (time.perf_counter() - began)
