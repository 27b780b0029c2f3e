"""Lone events after silence: the second of a pair waits no longer than the first, however idle the suite was."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg
from rich.console import Console

from bench.front_door import open_front_door
from bench.house import open_house
from bench.report import at_most, tell

__all__ = ["Lone", "measure_lone"]

_AIM: Final = 10.0
_SILENCE: Final = 6.0  # seconds; longer than nats-py's fetch of 5 s, which lost the next message
_BETWEEN: Final = 0.5  # seconds between the two events of a pair
_DELAY: Final = 0.001  # seconds
_WITHIN: Final = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from the publication of an event."""

    median: float
    slowest: float

    @property
    def ratio(self) -> float:
        """The slowest to the median."""
        return self.slowest / self.median


@dataclass(frozen=True, slots=True)
class Lone:
    """How long events wait on an idle suite.

    Attributes:
        pairs: The number of pairs of each.
        started: Until the run says that it has started.
        command: Until the command, with a millisecond on the wire between NATS and ingest.
    """

    pairs: int
    started: Waits
    command: Waits

    def summary(self) -> dict[str, Any]:
        """Return the times and their ratios."""
        ratios = {"started": round(self.started.ratio, 3), "command": round(self.command.ratio, 3)}
        return {**asdict(self), "ratios": ratios, "aim": _AIM}

    def show(self, console: Console) -> None:
        """Print two lines."""
        wire = f"the command, {_DELAY * 1_000:.0f} ms on the wire"
        for until, waits in (("the run has started", self.started), (wire, self.command)):
            console.print(
                f"A lone event after {_SILENCE:.0f} s of silence, {self.pairs} pairs, until {until}: median "
                f"{waits.median:.1f} ms, slowest {waits.slowest:.1f} ms, ratio {at_most(waits.ratio, _AIM)}",
                highlight=False,
            )


async def measure_lone(folder: Path, pairs: int) -> Lone:
    """Publish pairs of events to a suite, and to ingest behind a slow wire, each pair after a silence."""
    tell(f"lone events, {pairs} pairs, {pairs * (_SILENCE + _BETWEEN):.0f} s")
    folder.mkdir()
    async with open_house(folder / "suite") as house, open_front_door(folder / "wire", delay=_DELAY) as door:
        client = await house.connect()
        try:
            started, command = await asyncio.gather(
                _waits(client, "events.bench.local", b'{"path": "a.md"}', "progress.>", pairs, _is_start),
                _waits(door.client, "events.bench.burst", b'{"number": 1}', "commands.>", pairs, lambda _: True),
            )
        finally:
            await client.close()
    return Lone(pairs, started, command)


def _is_start(message: Msg) -> bool:
    return bool(json.loads(message.data)["kind"] == "started")


async def _waits(  # noqa: PLR0913, PLR0917 (what to publish, and what to wait for)
    client: Client, subject: str, body: bytes, effects: str, pairs: int, is_effect: Callable[[Msg], bool]
) -> Waits:
    arrived = asyncio.Queue[float]()

    async def receive(message: Msg) -> None:
        if is_effect(message):
            arrived.put_nowait(time.perf_counter())

    await client.subscribe(effects, cb=receive)
    took: list[float] = []
    for _ in range(pairs):
        for silence in (_SILENCE, _BETWEEN):
            await asyncio.sleep(silence)
            began = time.perf_counter()
            await client.jetstream().publish(subject, body, headers={"Nats-Msg-Id": uuid4().hex})
            async with asyncio.timeout(_WITHIN):
                took.append((await arrived.get() - began) * 1_000)
    return Waits(median(took), max(took))
