"""Events that wait: what they cost ingest in memory when a route lets only one run be open, and that never ends."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

from nats.js import JetStreamContext
from rich.console import Console

from bench.front_door import FrontDoor, publish_events, stored
from bench.measure import resident_mib
from bench.report import at_most, tell

__all__ = ["Waiting", "measure_waiting"]

_AIM: Final = 1.2
_FEW: Final = 100
_LOOK_EVERY: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    """Resident memory of ingest in MiB, with few events waiting and with many.

    Attributes:
        peak: The most that was seen while the many came.
    """

    events: int
    few: float
    many: float
    peak: float

    def summary(self) -> dict[str, Any]:
        """Return the memory and its ratio."""
        return {**asdict(self), "ratio": round(self.many / self.few, 3), "aim": _AIM}

    def show(self, console: Console) -> None:
        """Print a line."""
        console.print(
            f"Ingest holds {self.few:.0f} MiB with {_FEW} events waiting and {self.many:.0f} MiB with "
            f"{self.events:,} (at most {self.peak:.0f} MiB on the way): {at_most(self.many / self.few, _AIM)}",
            highlight=False,
        )


async def measure_waiting(door: FrontDoor, events: int) -> Waiting:
    """Let events wait, first a few and then many."""
    tell(f"waiting, {_FEW} and then {events:,} events")
    few = await _with_waiting(door, _FEW, more=_FEW)
    many = await _with_waiting(door, events, more=events - _FEW)
    return Waiting(events, few[-1], many[-1], max(many))


async def _with_waiting(door: FrontDoor, events: int, *, more: int) -> list[float]:
    """Publish more events and return ingest's memory, again and again until all of them wait."""
    seen: list[float] = []
    arriving = asyncio.create_task(_arrive(door.js, events, more))
    while not arriving.done():
        seen.append(_ingest_mib(door))
        await asyncio.wait({arriving}, timeout=_LOOK_EVERY)
    await arriving
    return [*seen, _ingest_mib(door)]


async def _arrive(js: JetStreamContext, events: int, more: int) -> None:
    await publish_events(js, "events.bench.waiting", more)
    await stored(js, "WAITING", events - 1)  # one is let go
    while (await js.consumer_info("EVENTS", "ingest")).num_ack_pending:
        await asyncio.sleep(_LOOK_EVERY)


def _ingest_mib(door: FrontDoor) -> float:
    return resident_mib({"ingest": door.ingest})["ingest"]
