"""``make bench``: Perdure against temporalio written by hand, on the same servers, in the same run.

Ratios count, not milliseconds: contestants take turns within each round, and the middle round is reported.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench.floor import open_floor
from bench.house import open_house, publishing
from bench.measure import Contestant, latency, resident_mib, throughput
from bench.report import Report, Round
from perdure.ending import leave

_AIMS: Final = {"activities": (1.2, 0.85), "local activities": (0.7, 1.3)}
_AT_ONCE: Final = 50
_WARM_UP: Final = 20
_WITHIN: Final = 1_800.0  # seconds: a benchmark that hangs ends by itself

_console: Final = Console(stderr=True)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each contestant takes its turn.")] = 5,
    single: Annotated[int, typer.Option(min=2, help="Runs a turn, one at a time.")] = 60,
    many: Annotated[int, typer.Option(min=_AT_ONCE, help=f"Runs a turn, {_AT_ONCE} at once.")] = 300,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything measured to this file.")] = None,
) -> None:
    """Measure and print."""
    report = asyncio.run(_measure(rounds, single, many))
    report.show(Console())
    if json_file is not None:
        json_file.write_text(report.as_json())


async def _measure(rounds: int, single: int, many: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as folder:
        async with (
            asyncio.timeout(_WITHIN),
            open_house(Path(folder)) as house,
            open_floor(house.endpoints.temporal) as floor,
            publishing(house) as ours,
        ):
            processes = house.processes | floor.processes
            idle = resident_mib(processes)
            contestants: Sequence[Contestant] = (floor, *ours)
            for contestant in contestants:
                await latency(contestant, _WARM_UP)
            played = []
            for number in range(rounds):
                _console.print(f"[dim]round {number + 1} of {rounds}[/]")
                played.append(
                    Round(
                        {it.name: await latency(it, single) for it in contestants},
                        {
                            it.name: await throughput(it, many, at_once=_AT_ONCE, processes=processes)
                            for it in contestants
                        },
                    )
                )
            return Report(played, _AIMS, house.ready_seconds, idle, resident_mib(processes))


if __name__ == "__main__":
    try:
        typer.run(main)
    except SystemExit as ending:
        leave(ending.code)
