"""Tables of whole runs, from their summary: times, ratios to each floor, and processes."""

from typing import Any, Final

from rich.table import Table

from bench.report import at_least, at_most

__all__ = ["processes_table", "ratios_table", "times_table"]

_NONE: Final[dict[str, float]] = {}


def times_table(found: dict[str, Any]) -> Table:
    """Return latency, throughput and CPU of each contestant; floors first."""
    table = Table("#", "", "p50", "p99", "runs/s", "CPU/run", title="A run of three steps")
    for number, (name, it) in enumerate(found["runs"].items(), start=1):
        table.add_row(
            str(number),
            f"floor: {name}" if name in found["floors"] else f"Perdure: {name}",
            f"{it['p50_ms']:.1f} ms",
            f"{it['p99_ms']:.1f} ms",
            f"{it['runs_per_second']:.1f}",
            f"{it['own_cpu_ms_per_run']:.0f} ms",
            end_section=name == found["floors"][-1],
        )
    return table


def ratios_table(found: dict[str, Any]) -> Table:
    """Return Perdure's contestants as multiples of each floor; aims refer to the first floor."""
    table = Table("Perdure", "to the floor", "p50", "runs/s", "CPU/run", title="Perdure as a multiple of each floor")
    first, *_, last = found["floors"]
    for name, it in found["runs"].items():
        if name in found["floors"]:
            continue
        for floor, ratios in it["ratios"].items():
            aims = found["aims"].get(name, _NONE) if floor == first else _NONE
            table.add_row(
                name,
                floor,
                at_most(ratios["latency"], aims.get("latency_ratio")),
                at_least(ratios["throughput"], aims.get("throughput_ratio")),
                f"{ratios['cpu']:.2f}",
                end_section=floor == last,
            )
    return table


def processes_table(found: dict[str, Any]) -> Table:
    """Return the memory of each process, and its CPU per run for each contestant that uses it, by number."""
    runs = found["runs"]
    numbers = (f"#{number}" for number in range(1, len(runs) + 1))
    table = Table("process", "idle", "after", *numbers, title="Resident memory in MiB, and CPU a run in ms")
    for process, after in found["after_mib"].items():
        spent = (
            f"{it['cpu_ms_per_run'][process]:.1f}" if process in found["uses"][name] else ""
            for name, it in runs.items()
        )
        table.add_row(process, f"{found['idle_mib'][process]:.0f}", f"{after:.0f}", *spent)
    return table
