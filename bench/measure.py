"""Latency, throughput and CPU of a contestant."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import psutil

__all__ = ["Contestant", "Latency", "Throughput", "latency", "percentiles", "resident_mib", "settled", "throughput"]

_SAMPLE_EVERY: Final = 0.5  # seconds
_SAMPLES: Final = 20
_QUIET: Final = 0.2  # cores; an idle suite with its floors uses half of that


class Contestant(Protocol):
    """An implementation that can do a run."""

    name: str

    async def run_one(self) -> None:
        """Do one run, from its request to the notification of its end."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of sequential runs, in milliseconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """Many runs at once.

    Attributes:
        runs_per_second: Ended runs divided by elapsed time.
        cpu_ms_per_run: CPU time of each process per run, including work that is left after the last end.
    """

    runs_per_second: float
    cpu_ms_per_run: dict[str, float]


async def latency(contestant: Contestant, runs: int) -> Latency:
    """Do runs one after the other."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        await contestant.run_one()
        took.append((time.perf_counter() - began) * 1_000)
    return percentiles(took)


def percentiles(took: Sequence[float]) -> Latency:
    """Return p50 and p99 of durations in milliseconds."""
    hundredths = statistics.quantiles(took, n=100, method="inclusive")
    return Latency(p50=hundredths[49], p99=hundredths[98])


async def throughput(
    contestant: Contestant, runs: int, *, at_once: int, processes: Mapping[str, psutil.Process]
) -> Throughput:
    """Do runs, so many at once."""
    room = asyncio.Semaphore(at_once)

    async def one() -> None:
        async with room:
            await contestant.run_one()

    before = {name: _cpu_ms(process) for name, process in processes.items()}
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(runs):
            group.create_task(one())
    elapsed = time.perf_counter() - began
    await settled(processes)
    spent = {name: (_cpu_ms(process) - before[name]) / runs for name, process in processes.items()}
    return Throughput(runs / elapsed, spent)


async def settled(processes: Mapping[str, psutil.Process]) -> None:
    """Wait until the processes are nearly idle, ten seconds at most; servers work on after a run has ended."""
    for _ in range(_SAMPLES):
        before = sum(map(_cpu_ms, processes.values()))
        await asyncio.sleep(_SAMPLE_EVERY)
        if sum(map(_cpu_ms, processes.values())) - before < _QUIET * _SAMPLE_EVERY * 1_000:
            return


def resident_mib(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    """Return the resident memory of each process, in MiB."""
    return {name: process.memory_info().rss / 2**20 for name, process in processes.items()}


def _cpu_ms(process: psutil.Process) -> float:
    times = process.cpu_times()
    return (times.user + times.system) * 1_000
