"""Whole runs, from the event to ``completed``: all contestants take turns in each round."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from psutil import Process
from rich.console import Console
from rich.table import Table

from bench.measure import Contestant, Latency, Throughput, latency, resident_mib, throughput
from bench.report import at_least, at_most, median, tell

__all__ = ["AT_ONCE", "WARM_UP", "Round", "Runs", "Turns", "measure_runs"]

AT_ONCE: Final = 50
WARM_UP: Final = 20

_AIMS: Final = {
    "activities": {"latency_ratio": 1.2, "throughput_ratio": 0.85},
    "local activities": {"latency_ratio": 0.7, "throughput_ratio": 1.3},
}
_NONE: Final[dict[str, float]] = {}


@dataclass(frozen=True, slots=True)
class Turns:
    """How often each contestant takes its turn, and how many runs that is: one at a time, and many at once."""

    rounds: int
    single: int
    many: int


@dataclass(frozen=True, slots=True)
class Round:
    """All contestants, one right after the other, by name: what is near in time can be compared."""

    latency: dict[str, Latency]
    throughput: dict[str, Throughput]


@dataclass(frozen=True, slots=True)
class Runs:
    """What was measured of whole runs.

    Attributes:
        idle_mib: Resident memory of each process when all was ready and nothing had run.
        after_mib: The same after the last run.
    """

    rounds: Sequence[Round]
    ready_seconds: float
    idle_mib: dict[str, float]
    after_mib: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; ratios are taken within each round; the first contestant is the floor."""
        return {
            "runs": {name: self._of(name) for name in self.rounds[0].latency},
            "aims": _AIMS,
            **asdict(self),
        }

    def show(self, console: Console) -> None:
        """Print tables."""
        runs = self.summary()["runs"]
        console.print(_times(runs), self._processes(runs))
        console.print(f"perdure up was ready after {self.ready_seconds:.1f} s.")

    def _of(self, name: str) -> dict[str, Any]:
        floor = next(iter(self.rounds[0].latency))
        slow = [(it.latency[name], it.latency[floor]) for it in self.rounds]
        many = [(it.throughput[name], it.throughput[floor]) for it in self.rounds]
        return {
            "p50_ms": median([its.p50 for its, _ in slow]),
            "p99_ms": median([its.p99 for its, _ in slow]),
            "runs_per_second": median([its.runs_per_second for its, _ in many]),
            "latency_ratio": median([its.p50 / floors.p50 for its, floors in slow]),
            "throughput_ratio": median([its.runs_per_second / floors.runs_per_second for its, floors in many]),
            "cpu_ms_per_run": {
                process: median([its.cpu_ms_per_run[process] for its, _ in many]) for process in self.after_mib
            },
        }

    def _processes(self, runs: dict[str, Any]) -> Table:
        table = Table("process", "idle", "after", *runs, title="Resident memory, and CPU a run")
        for process, after in self.after_mib.items():
            table.add_row(
                process,
                f"{self.idle_mib[process]:.0f} MiB",
                f"{after:.0f} MiB",
                *(f"{it['cpu_ms_per_run'][process]:.1f} ms" for it in runs.values()),
            )
        return table


async def measure_runs(
    contestants: Sequence[Contestant], processes: Mapping[str, Process], ready_seconds: float, turns: Turns
) -> Runs:
    """Let them take turns; nothing has run before."""
    idle = resident_mib(processes)
    for it in contestants:
        await latency(it, WARM_UP)
    played = []
    for number in range(turns.rounds):
        tell(f"runs, round {number + 1} of {turns.rounds}")
        played.append(
            Round(
                {it.name: await latency(it, turns.single) for it in contestants},
                {it.name: await throughput(it, turns.many, at_once=AT_ONCE, processes=processes) for it in contestants},
            )
        )
    return Runs(played, ready_seconds, idle, resident_mib(processes))


def _times(runs: dict[str, Any]) -> Table:
    table = Table("", "p50", "p99", "to floor", "runs/s", "to floor", title="A run of three steps")
    for name, it in runs.items():
        aims = _AIMS.get(name, _NONE)
        table.add_row(
            name,
            f"{it['p50_ms']:.1f} ms",
            f"{it['p99_ms']:.1f} ms",
            at_most(it["latency_ratio"], aims.get("latency_ratio")),
            f"{it['runs_per_second']:.1f}",
            at_least(it["throughput_ratio"], aims.get("throughput_ratio")),
        )
    return table
