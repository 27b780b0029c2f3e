"""Whole runs, from the event to ``completed``: all contestants take turns in each round."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import psutil
from rich.console import Console

from bench.floors import Floors
from bench.house import House, Perdure
from bench.measure import Latency, Throughput, latency, resident_mib, settled, throughput
from bench.report import median, tell
from bench.runs_tables import processes_table, ratios_table, times_table

__all__ = ["AT_ONCE", "WARM_UP", "Round", "Runs", "Turns", "measure_runs"]

AT_ONCE: Final = 50
WARM_UP: Final = 20

_BENCH: Final = "the bench itself"  # it asks for runs and waits for their endings

_AIMS: Final = {  # to the first floor
    "activities": {"latency_ratio": 1.2, "throughput_ratio": 0.85},
    "local activities": {"latency_ratio": 0.7, "throughput_ratio": 1.3},
}


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
        uses: Which processes a contestant consists of, servers included; floors come first.
        floors: The contestants written by hand; the others are Perdure.
        idle_mib: Resident memory of each process when all was ready and nothing had run but each floor's first run.
        after_mib: The same after the last run.
    """

    uses: dict[str, list[str]]
    floors: Sequence[str]
    rounds: Sequence[Round]
    ready_seconds: float
    idle_mib: dict[str, float]
    after_mib: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; ratios are taken within each round, to each floor and to the first one."""
        return {
            "runs": {name: self._of(name) for name in self.rounds[0].latency},
            "aims": _AIMS,
            **asdict(self),
        }

    def show(self, console: Console) -> None:
        """Print tables."""
        found = self.summary()
        console.print(times_table(found), ratios_table(found), processes_table(found))
        console.print(f"perdure up was ready after {self.ready_seconds:.1f} s.")

    def _of(self, name: str) -> dict[str, Any]:
        slow = [it.latency[name] for it in self.rounds]
        many = [it.throughput[name] for it in self.rounds]
        ratios = {floor: self._ratios(name, floor) for floor in self.floors}
        first = ratios[self.floors[0]]
        return {
            "p50_ms": median([it.p50 for it in slow]),
            "p99_ms": median([it.p99 for it in slow]),
            "runs_per_second": median([it.runs_per_second for it in many]),
            "latency_ratio": first["latency"],
            "throughput_ratio": first["throughput"],
            "ratios": ratios,
            "cpu_ms_per_run": {
                process: median([it.cpu_ms_per_run[process] for it in many]) for process in self.after_mib
            },
            "own_cpu_ms_per_run": median([self._own_cpu(name, it) for it in many]),
        }

    def _ratios(self, name: str, floor: str) -> dict[str, float]:
        """Return a contestant's latency, throughput and CPU as multiples of a floor's."""
        slow = [(it.latency[name].p50, it.latency[floor].p50) for it in self.rounds]
        many = [(it.throughput[name], it.throughput[floor]) for it in self.rounds]
        return {
            "latency": median([its / floors for its, floors in slow]),
            "throughput": median([its.runs_per_second / floors.runs_per_second for its, floors in many]),
            "cpu": median([self._own_cpu(name, its) / self._own_cpu(floor, floors) for its, floors in many]),
        }

    def _own_cpu(self, name: str, found: Throughput) -> float:
        """Return what the contestant's own processes together spent on a run, in milliseconds."""
        return sum(found.cpu_ms_per_run[process] for process in self.uses[name])


async def measure_runs(floors: Floors, ours: Sequence[Perdure], house: House, turns: Turns) -> Runs:
    """Let them take turns; of Perdure nothing has run before."""
    contestants = (*floors.contestants, *ours)
    processes = {_BENCH: psutil.Process()} | house.processes | floors.processes
    uses = floors.uses | {it.name: list(house.processes) for it in ours}
    idle = resident_mib(processes)
    for it in contestants:
        await latency(it, WARM_UP)
    played = []
    for number in range(turns.rounds):
        tell(f"runs, round {number + 1} of {turns.rounds}")
        slow: dict[str, Latency] = {}
        for it in contestants:
            await settled(processes)
            slow[it.name] = await latency(it, turns.single)
        await settled(processes)
        many = {it.name: await throughput(it, turns.many, at_once=AT_ONCE, processes=processes) for it in contestants}
        played.append(Round(slow, many))
    return Runs(
        {name: [_BENCH, *own] for name, own in uses.items()},
        [it.name for it in floors.contestants],
        played,
        house.ready_seconds,
        idle,
        resident_mib(processes),
    )
