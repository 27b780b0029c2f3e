"""Waiting events: the memory of ingest when a route allows one open run, which never ends."""

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

from nats.js import JetStreamContext
from rich.console import Console

from bench.front_door import FrontDoor, publish_events, wait_until_stored
from bench.measure import resident_mib
from bench.report import at_most, tell

__all__ = ["Waiting", "measure_waiting"]

_AIM: Final = 1.2
_FEW: Final = 100
_POLL_EVERY: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    """Resident memory of ingest in MiB, with few events waiting and with many.

    Attributes:
        peak: The maximum while the many arrived.
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
            f"{self.events:,} (peak {self.peak:.0f} MiB): {at_most(self.many / self.few, _AIM)}",
            highlight=False,
        )


async def measure_waiting(door: FrontDoor, events: int) -> Waiting:
    """Let events wait, first a few and then many."""
    tell(f"waiting, {_FEW} and then {events:,} events")
    few = await _with_waiting(door, _FEW, more=_FEW)
    many = await _with_waiting(door, events, more=events - _FEW)
    return Waiting(events, few[-1], many[-1], max(many))


async def _with_waiting(door: FrontDoor, events: int, *, more: int) -> list[float]:
    """Publish more events, and return samples of ingest's memory until all of them wait."""
    samples: list[float] = []
    publishing = asyncio.create_task(_publish_and_wait(door.js, events, more))
    while not publishing.done():
        samples.append(_ingest_mib(door))
        await asyncio.wait({publishing}, timeout=_POLL_EVERY)
    await publishing
    return [*samples, _ingest_mib(door)]


async def _publish_and_wait(js: JetStreamContext, events: int, more: int) -> None:
    await publish_events(js, "events.bench.waiting", more)
    await wait_until_stored(js, "WAITING", events - 1)  # one event has started its run
    while (await js.consumer_info("EVENTS", "ingest")).num_ack_pending:
        await asyncio.sleep(_POLL_EVERY)


def _ingest_mib(door: FrontDoor) -> float:
    return resident_mib({"ingest": door.ingest})["ingest"]
