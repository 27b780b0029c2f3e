"""What a benchmark found, as a table for people and as JSON for machines."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import Latency, Throughput

__all__ = ["Report", "Round"]


@dataclass(frozen=True, slots=True)
class Round:
    """All contestants, one right after the other, by name: what is near in time can be compared."""

    latency: dict[str, Latency]
    throughput: dict[str, Throughput]


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    Attributes:
        aims: Of each contestant beside the floor, the latency and the throughput wanted, as ratios to the floor.
        idle_mib: Resident memory of each process when all was ready and nothing had run.
        after_mib: The same after the last run.
    """

    rounds: Sequence[Round]
    aims: dict[str, tuple[float, float]]
    ready_seconds: float
    idle_mib: dict[str, float]
    after_mib: dict[str, float]

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; ratios are taken within each round."""
        names = list(self.rounds[0].latency)
        floor = names[0]
        return {
            "runs": {
                name: {
                    "p50_ms": _median([it.latency[name].p50 for it in self.rounds]),
                    "p99_ms": _median([it.latency[name].p99 for it in self.rounds]),
                    "runs_per_second": _median([it.throughput[name].runs_per_second for it in self.rounds]),
                    "latency_ratio": _median([it.latency[name].p50 / it.latency[floor].p50 for it in self.rounds]),
                    "throughput_ratio": _median(
                        [
                            it.throughput[name].runs_per_second / it.throughput[floor].runs_per_second
                            for it in self.rounds
                        ]
                    ),
                    "cpu_ms_per_run": {
                        process: _median([it.throughput[name].cpu_ms_per_run[process] for it in self.rounds])
                        for process in self.rounds[0].throughput[name].cpu_ms_per_run
                    },
                }
                for name in names
            },
            "aims": {
                name: {"latency_ratio": slow, "throughput_ratio": many} for name, (slow, many) in self.aims.items()
            },
            "ready_seconds": self.ready_seconds,
            "idle_mib": self.idle_mib,
            "after_mib": self.after_mib,
        }

    def as_json(self) -> str:
        """Return the summary and every round."""
        return json.dumps(self.summary() | {"rounds": [asdict(it) for it in self.rounds]}, indent=2)

    def show(self, console: Console) -> None:
        """Print tables."""
        summary = self.summary()
        console.print(_runs(summary), _processes(summary))
        console.print(f"perdure up was ready after {self.ready_seconds:.1f} s.")


def _runs(summary: dict[str, Any]) -> Table:
    table = Table("", "p50", "p99", "to floor", "runs/s", "to floor", title="A run of three steps")
    for name, it in summary["runs"].items():
        aim = summary["aims"].get(name)
        table.add_row(
            name,
            f"{it['p50_ms']:.1f} ms",
            f"{it['p99_ms']:.1f} ms",
            _against(it["latency_ratio"], aim and aim["latency_ratio"], most=True),
            f"{it['runs_per_second']:.1f}",
            _against(it["throughput_ratio"], aim and aim["throughput_ratio"], most=False),
        )
    return table


def _against(ratio: float, aim: float | None, *, most: bool) -> str:
    if aim is None:
        return f"{ratio:.2f}"
    reached = ratio <= aim if most else ratio >= aim
    return f"[{'green' if reached else 'red'}]{ratio:.2f}[/] (aim {'≤' if most else '≥'} {aim})"


def _processes(summary: dict[str, Any]) -> Table:
    runs = summary["runs"]
    table = Table("process", "idle", "after", *runs, title="Resident memory, and CPU a run")
    for process in summary["after_mib"]:
        table.add_row(
            process,
            f"{summary['idle_mib'][process]:.0f} MiB",
            f"{summary['after_mib'][process]:.0f} MiB",
            *(f"{it['cpu_ms_per_run'][process]:.1f} ms" for it in runs.values()),
        )
    return table


def _median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)
