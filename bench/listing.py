"""Lists and look-ups of runs when there are many, beside reading the newest fact of every run."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import psutil
from nats.js import JetStreamContext
from rich.console import Console
from rich.table import Table

from bench.front_door import FrontDoor
from bench.report import median, tell
from perdure.bus import connect, encode
from perdure.bus.views.run_index import latest_facts
from perdure.bus.views.run_list import RunFilter, list_runs
from perdure.bus.views.run_lookup import find_run
from perdure.config.settings import NatsSettings
from perdure.contracts import Progress, ProgressKind

__all__ = ["Listing", "measure_listing"]

_FACTS: Final[tuple[ProgressKind, ...]] = (
    "started",
    "step_started",
    "step_completed",
    "step_started",
    "step_completed",
    "waiting",
    "resumed",
    "completed",
)
_OPEN_FACTS: Final = 6
_ONE_OPEN_IN: Final = 1_000
_UNACKNOWLEDGED: Final = 500  # facts
_TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class Listing:
    """Medians by operation.

    Attributes:
        runs: How many runs there are, one of 1,000 of them open.
        took_ms: Milliseconds.
        grew_mib: By how much the resident memory of this process grew the first time.
    """

    runs: int
    took_ms: dict[str, float]
    grew_mib: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Return all figures."""
        return asdict(self)

    def show(self, console: Console) -> None:
        """Print a table."""
        table = Table("", "p50", "memory", title=f"{self.runs:,} runs")
        for name, took in self.took_ms.items():
            table.add_row(name, f"{took:.0f} ms", f"+{self.grew_mib[name]:.0f} MiB")
        console.print(table)


async def measure_listing(door: FrontDoor, runs: int) -> Listing:
    """Publish the facts of so many runs, then list and look up."""
    tell(f"listing: {runs:,} runs")
    await _publish_runs(door.js, runs)
    await _publish(door.js, _facts("e", ("completed",))[0].model_copy(update={"workflow_id": "Other-event"}))
    took: dict[str, float] = {}
    grew: dict[str, float] = {}
    async with connect(NatsSettings(servers=(door.server,)), source="perdure/bench", within=5) as bus:
        operations: dict[str, Callable[[], Awaitable[object]]] = {
            "the newest 50": lambda: list_runs(bus, RunFilter()),
            "open ones": lambda: list_runs(bus, RunFilter(state="open")),
            "one by its event": lambda: find_run(bus, "e00000"),
            "one by the start of its id": lambda: find_run(bus, "Other-e"),
            "all, as before": lambda: latest_facts(bus),
        }
        for name, operation in operations.items():
            tell(f"listing: {name}")
            took[name], grew[name] = await _measured(operation)
    return Listing(runs, took, grew)


async def _measured(operation: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    process, took, sizes = psutil.Process(), list[float](), list[int]()
    before = process.memory_info().rss
    for _ in range(_TIMES):
        began = time.perf_counter()
        await operation()
        took.append((time.perf_counter() - began) * 1_000)
        sizes.append(process.memory_info().rss)
    return median(took), round((sizes[0] - before) / 2**20, 1)


async def _publish_runs(js: JetStreamContext, runs: int) -> None:
    waiting: list[Awaitable[object]] = []
    for number in range(runs):
        kinds = _FACTS[:_OPEN_FACTS] if number % _ONE_OPEN_IN == 0 else _FACTS
        waiting += [_publish(js, fact) for fact in _facts(f"e{number:05}", kinds)]
        if len(waiting) >= _UNACKNOWLEDGED or number == runs - 1:
            await asyncio.gather(*waiting)
            waiting = []


def _facts(event: str, kinds: tuple[ProgressKind, ...]) -> list[Progress]:
    run_id, now = uuid4().hex, datetime.now(UTC)
    return [
        Progress(
            workflow="Bench",
            workflow_id=f"Bench~{event}",
            run_id=run_id,
            sequence=sequence,
            kind=kind,
            step="summary: read the document" if kind.startswith("step") else None,
            event_id=event,
            at=now,
            result={"summary": "x" * 200} if kind == "completed" else None,
        )
        for sequence, kind in enumerate(kinds, 1)
    ]


async def _publish(js: JetStreamContext, fact: Progress) -> None:
    raw = encode(fact, source="perdure/bench")
    await js.publish(raw.subject, raw.body, headers=dict(raw.headers), timeout=30)
