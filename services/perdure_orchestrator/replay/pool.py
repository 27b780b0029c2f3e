"""Replays many runs at a time, in as many processes as there are processors."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from perdure.values.replay import RunReplay
from perdure_orchestrator.replay.child_process import ChildProcess
from perdure_orchestrator.replay.corpus import RecordedRun

__all__ = ["replay_all"]

_MOST_PROCESSES: Final = 8
_MOST_LOST: Final = 3
"""Processes that the runs of one workflow may cost: each takes its time to be given up, and all show the same."""


async def replay_all(runs: Sequence[RecordedRun], found: Callable[[RunReplay], None]) -> None:
    """Replay runs; of a run that is gone meanwhile nothing comes.

    Args:
        runs: The runs.
        found: Called with what came of each run, as soon as it is known.

    Raises:
        RPCError: Temporal does not answer.
        PerdureError: A history cannot be read, or the author's code cannot be loaded.
    """
    waiting, lost = iter(runs), Counter[str]()
    count = min(len(os.sched_getaffinity(0)), _MOST_PROCESSES, len(runs))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(_work(waiting, found, lost))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _work(waiting: Iterator[RecordedRun], found: Callable[[RunReplay], None], lost: Counter[str]) -> None:
    child = ChildProcess()
    try:
        for run in waiting:
            if lost[run.workflow] >= _MOST_LOST:
                found(_not_tried(run))
            elif (history := await run.load()) is not None:
                replay, is_lost = await child.replay(run, history)
                lost[run.workflow] += is_lost
                found(replay)
    finally:
        await child.stop()


def _not_tried(run: RecordedRun) -> RunReplay:
    return RunReplay(
        run=run.run,
        run_id=run.run_id,
        workflow=run.workflow,
        build=run.build,
        replays=False,
        sentence=f"It was not replayed: {_MOST_LOST} runs of {run.workflow} before it were given up.",
    )
