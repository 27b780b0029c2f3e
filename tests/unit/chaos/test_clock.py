"""A process' clock can be set wrong while it runs, and its sleeps stay right."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path

import pytest

from perdure.chaos.clock import ClockSkew, build_skewed_clock, clock_environment
from perdure.chaos.strike import Strike
from perdure.errors import SetupError

PROGRAM = """
import datetime, sys, time
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.05)
    print(time.time(), datetime.datetime.now().timestamp(), time.monotonic() - began, flush=True)
"""


@dataclass
class Clocks:
    """A process that looks at its clocks when it is asked."""

    process: asyncio.subprocess.Process

    async def look(self) -> list[float]:
        """Return two readings of its wall clock, and how long a sleep of 0.05 s took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"look\n")
        return [float(it) for it in (await self.process.stdout.readline()).split()]


async def test_a_clock_jumps_and_comes_back_while_sleeps_last_as_long_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    try:
        variables = clock_environment(build_skewed_clock(tmp_path), file)
    except SetupError as error:
        assert "C compiler" in str(error)  # noqa: PT017 (a machine without one: the sentence is what there is to test)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdin=PIPE, stdout=PIPE, env={**os.environ, **variables}
    )
    clocks = Clocks(process)
    right = await clocks.look()
    async with ClockSkew({"ingest-2": file}).struck(Strike("clock", "ingest", 0.0, 1.0)) as detail:
        wrong = await clocks.look()
    again = await clocks.look()
    await process.communicate(b"")

    assert detail.startswith("clock +3600 s")
    assert all(3_600 <= late - early < 3_660 for early, late in zip(right[:2], wrong[:2], strict=True))
    assert all(0 <= late - early < 60 for early, late in zip(right[:2], again[:2], strict=True))
    assert 0.05 <= wrong[2] < 60


def test_without_a_compiler_a_sentence_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(SetupError, match="C compiler"):
        build_skewed_clock(tmp_path)
