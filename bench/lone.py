"""Lone events after silence: the second of a pair waits no longer than the first, however idle ingest was."""

import asyncio
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final
from uuid import uuid4

from nats.aio.msg import Msg
from rich.console import Console

from bench.front_door import FrontDoor
from bench.report import at_most, tell

__all__ = ["Lone", "measure_lone"]

_AIM: Final = 10.0
_SILENCE: Final = 6.0  # seconds; longer than nats-py's fetch of 5 s, which lost the next message
_BETWEEN: Final = 0.5  # seconds between the two events of a pair
_WITHIN: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Lone:
    """Milliseconds from the publication of an event to its command."""

    pairs: int
    median: float
    slowest: float

    def summary(self) -> dict[str, Any]:
        """Return the times and their ratio."""
        return {**asdict(self), "ratio": round(self.slowest / self.median, 3), "aim": _AIM}

    def show(self, console: Console) -> None:
        """Print a line."""
        console.print(
            f"A lone event after {_SILENCE:.0f} s of silence, {self.pairs} pairs: median {self.median:.1f} ms, slowest "
            f"{self.slowest:.1f} ms, ratio {at_most(self.slowest / self.median, _AIM)}",
            highlight=False,
        )


async def measure_lone(door: FrontDoor, pairs: int) -> Lone:
    """Publish pairs of events, each pair after a silence."""
    tell(f"lone events, {pairs} pairs, {pairs * (_SILENCE + _BETWEEN):.0f} s")
    commands = asyncio.Queue[Msg]()
    subscription = await door.client.subscribe("commands.>", cb=commands.put)
    took: list[float] = []
    for _ in range(pairs):
        await asyncio.sleep(_SILENCE)
        took.append(await _one(door, commands))
        await asyncio.sleep(_BETWEEN)
        took.append(await _one(door, commands))
    await subscription.unsubscribe()
    return Lone(pairs, median(took), max(took))


async def _one(door: FrontDoor, commands: asyncio.Queue[Msg]) -> float:
    began = time.perf_counter()
    await door.js.publish("events.bench.burst", b'{"number": 1}', headers={"Nats-Msg-Id": uuid4().hex})
    async with asyncio.timeout(_WITHIN):
        await commands.get()
    return (time.perf_counter() - began) * 1_000
