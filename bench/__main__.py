"""``make bench``: Perdure compared with hand-written code, on the same servers, in the same run.

Ratios count, not milliseconds: contestants take turns within each round, and the median round is reported.
"""

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from bench.agents import measure_agents
from bench.appending import measure_appending
from bench.approvals import measure_approvals
from bench.burst import measure_burst
from bench.encrypted import measure_encrypted
from bench.floors import open_floors
from bench.front_door import open_front_door
from bench.held import measure_held
from bench.house import open_house, publishing
from bench.listing import measure_listing
from bench.lone import measure_lone
from bench.measure import latency
from bench.progress import measure_progress
from bench.records import measure_records
from bench.replays import measure_replays
from bench.report import Found, Report
from bench.runs import AT_ONCE, WARM_UP, Turns, measure_runs
from bench.waiting import measure_waiting
from perdure.runtime.exit import exit_process

_WITHIN: Final = 3_600.0  # seconds, after which a benchmark that hangs fails


class Part(StrEnum):
    """A part that can be measured alone."""

    RUNS = "runs"
    AGENTS = "agents"
    PROGRESS = "progress"
    BURST = "burst"
    WAITING = "waiting"
    HELD = "held"
    APPROVALS = "approvals"
    LISTING = "listing"
    LONE = "lone"
    ENCRYPTED = "encrypted"
    REPLAYS = "replays"
    RECORDS = "records"
    APPENDING = "appending"


_IN_FOLDERS: Final[Mapping[Part, Callable[[Path, int], Awaitable[Found]]]] = {
    Part.HELD: measure_held,
    Part.APPROVALS: measure_approvals,
    Part.LONE: measure_lone,
    Part.REPLAYS: measure_replays,
    Part.RECORDS: measure_records,
    Part.APPENDING: measure_appending,
}
"""What needs a folder of its own and a number of things to measure."""


def main(  # noqa: PLR0913, PLR0917 (one argument per option)
    only: Annotated[list[Part] | None, typer.Option(help="Measure only this part; may be repeated.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contestant.")] = 5,
    single: Annotated[int, typer.Option(min=2, help="runs, progress: sequential runs a turn; agents: a quarter.")] = 60,
    many: Annotated[int, typer.Option(min=AT_ONCE, help=f"runs: runs a turn, {AT_ONCE} at once.")] = 300,
    events: Annotated[int, typer.Option(min=1_000, help="burst: events a turn.")] = 10_000,
    waiting: Annotated[int, typer.Option(min=1_000, help="waiting: events that wait at the end.")] = 100_000,
    held: Annotated[int, typer.Option(min=1_000, help="held: events that wait behind 5,000 open runs.")] = 20_000,
    approvals: Annotated[int, typer.Option(min=200, help="approvals: open requests.")] = 1_000,
    listed: Annotated[int, typer.Option(min=1_000, help="listing: runs.")] = 30_000,
    pairs: Annotated[int, typer.Option(min=1, help="lone: pairs of events, each after six seconds of silence.")] = 20,
    histories: Annotated[int, typer.Option(min=200, help="replays: histories.")] = 1_000,
    records: Annotated[int, typer.Option(min=16_000, help="records: in the audit store.")] = 1_000_000,
    appended: Annotated[int, typer.Option(min=1_000, help="appending: messages on each database.")] = 100_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything measured to this file.")] = None,
) -> None:
    """Measure runs, plain and encrypted, agents, progress, a burst, waiting, held and lone events, lists, replays."""
    counts = {
        Part.BURST: events,
        Part.WAITING: waiting,
        Part.HELD: held,
        Part.APPROVALS: approvals,
        Part.LISTING: listed,
        Part.LONE: pairs,
        Part.REPLAYS: histories,
        Part.RECORDS: records,
        Part.APPENDING: appended,
    }
    report = asyncio.run(_measure(set(only or Part), Turns(rounds, single, many), counts))
    report.show(Console())
    if json_file is not None:
        json_file.write_text(report.as_json())


async def _measure(parts: set[Part], turns: Turns, counts: Mapping[Part, int]) -> Report:
    found: dict[str, Found] = {}
    measuring = asyncio.current_task()
    assert measuring is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, measuring.cancel)  # the servers then stop in order
    with tempfile.TemporaryDirectory(prefix="perdure-bench-") as name:
        folder = Path(name)
        async with asyncio.timeout(_WITHIN):
            if parts & {Part.RUNS, Part.PROGRESS}:
                found |= await _measure_runs_and_progress(parts, turns, folder / "house")
            if Part.AGENTS in parts:
                found[Part.AGENTS] = await measure_agents(folder / "agents", max(2, turns.single // 4), turns.rounds)
            if Part.BURST in parts:
                async with open_front_door(folder / "burst") as door:
                    found[Part.BURST] = await measure_burst(door, counts[Part.BURST], turns.rounds)
            if Part.WAITING in parts:
                async with open_front_door(folder / "waiting") as door:
                    found[Part.WAITING] = await measure_waiting(door, counts[Part.WAITING])
            if Part.LISTING in parts:
                async with open_front_door(folder / "listing") as door:
                    found[Part.LISTING] = await measure_listing(door, counts[Part.LISTING])
            if Part.ENCRYPTED in parts:
                found[Part.ENCRYPTED] = await measure_encrypted(folder / "encrypted", turns)
            for part, measure in _IN_FOLDERS.items():
                if part in parts:
                    found[part] = await measure(folder / part, counts[part])
    return Report(found)


async def _measure_runs_and_progress(parts: set[Part], turns: Turns, folder: Path) -> dict[str, Found]:
    found: dict[str, Found] = {}
    async with open_house(folder) as house, publishing(house) as contestants:
        if Part.RUNS in parts:
            async with open_floors(house.endpoints.temporal, folder / "floors") as floors:
                found[Part.RUNS] = await measure_runs(floors, contestants, house, turns)
        if Part.PROGRESS in parts:
            await latency(contestants[0], WARM_UP)
            found[Part.PROGRESS] = await measure_progress(house, contestants[0], turns.single, turns.rounds)
    return found


if __name__ == "__main__":
    try:
        typer.run(main)
    except SystemExit as ending:
        exit_process(ending.code)
    except asyncio.CancelledError:
        exit_process(128 + signal.SIGTERM)
