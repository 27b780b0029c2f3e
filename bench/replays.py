"""How long ``perdure replay DIR`` takes for many histories: the recorded ones of the tests, over and over."""

import asyncio
import json
import resource
import shutil
import sys
from asyncio.subprocess import PIPE
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bench.report import at_most, tell
from tests.replay.corpus import FILES, MODULES, SEPARATOR

__all__ = ["Replays", "measure_replays"]

_AIM: Final = 60.0  # seconds for 1,000 histories
_NEEDS_NATS: Final = "large-values"
"""Histories whose payloads lie in an object store."""


@dataclass(frozen=True, slots=True)
class Replays:
    """A replay of a folder of histories.

    Attributes:
        histories: How many there are.
        replay: How many of them replay: all, or it is no measurement.
        seconds: From the start of the command to its end.
        cpu_seconds: Of all its processes.
    """

    histories: int
    replay: int
    seconds: float
    cpu_seconds: float

    @property
    def seconds_a_thousand(self) -> float:
        """Seconds for 1,000 histories."""
        return self.seconds * 1_000 / self.histories

    def summary(self) -> dict[str, Any]:
        """Return all figures."""
        return {**asdict(self), "seconds_a_thousand": round(self.seconds_a_thousand, 1), "aim": _AIM}

    def show(self, console: Console) -> None:
        """Print a line."""
        console.print(
            f"perdure replay, {self.replay:,} of {self.histories:,} histories replay: {self.seconds:.1f} s, "
            f"{self.cpu_seconds * 1_000 / self.histories:.0f} ms of CPU a history, "
            f"seconds for 1,000: {at_most(self.seconds_a_thousand, _AIM)}",
            highlight=False,
        )


async def measure_replays(folder: Path, count: int) -> Replays:
    """Copy so many histories into a project of their workflows, and replay them.

    The copies keep their names, which are the ids of the runs: the id is part of what replays.
    """
    files = [file for file in FILES if SEPARATOR not in file.stem and not file.stem.startswith(_NEEDS_NATS)]
    tell(f"replays: {count:,} copies of {len(files)} histories")
    for number, file in enumerate(islice(cycle(files), count)):
        copy = folder / "histories" / f"{number}" / file.name
        copy.parent.mkdir(parents=True)
        shutil.copy(file, copy)
    (folder / "perdure.yaml").write_text(json.dumps({"workflows": list(MODULES)}))
    before, began = _cpu_of_children(), asyncio.get_running_loop().time()
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("perdure")),
        *("replay", "histories", "--json"),
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=PIPE,
    )
    printed, _ = await process.communicate()
    seconds = asyncio.get_running_loop().time() - began
    found = json.loads(printed.splitlines()[-1])["summary"]
    return Replays(found["runs"], found["replay"], round(seconds, 3), round(_cpu_of_children() - before, 3))


def _cpu_of_children() -> float:
    """Return the CPU seconds of all processes of this one that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
