"""Replays the histories on its standard input, in a process that may hang or die.

``python -m perdure_orchestrator.replay.child``: a history is a line of JSON, the ``ReplayJob``, and the bytes after it.
An answer is a line of JSON, a ``ChildMessage``.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from threading import Thread
from typing import BinaryIO, Final, TypeVar

from opentelemetry import trace
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import create_tracer_provider

from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.errors import PerdureError, Unavailable
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.values.replay import RunReplay
from perdure_orchestrator.registry import load_registry
from perdure_orchestrator.replay.job import ChildMessage, ReplayJob
from perdure_orchestrator.replay.run_replayer import Replayed, RunReplayer

_ALIVE_EVERY: Final = 1.0  # seconds
_NICE: Final = 5  # the workers of this machine, which serve runs, come first

_Answer = Callable[[ChildMessage], None]
Result = TypeVar("Result")


async def main(jobs: BinaryIO, answer: _Answer) -> None:
    """Replay until the input ends."""
    settings = _settings()
    trace.set_tracer_provider(create_tracer_provider(shutdown_on_exit=False))  # spans take part in what replays
    async with RunReplayer(load_registry(settings.workflows), settings) as replayer:
        answer(ChildMessage())
        async for job, history in _read(jobs):
            replayed = await _alive(answer, replayer.replay(job.workflow, history))
            answer(ChildMessage(replay=_answered(job, replayed), is_spent=replayed.is_spent))
            if replayed.is_spent:
                return


def _settings() -> Settings:
    """Return the configuration, with the NATS server of the suite that runs here, if one does: few replays need it."""
    settings = load_settings()
    try:
        return settings.model_copy(update={"nats": discover(settings, role="orchestrator")[0]})
    except Unavailable:
        return settings


async def _read(jobs: BinaryIO) -> AsyncIterator[tuple[ReplayJob, WorkflowHistory]]:
    loop, given = asyncio.get_running_loop(), asyncio.Queue[tuple[ReplayJob, bytes]]()

    def read() -> None:
        while line := jobs.readline():
            job = ReplayJob.model_validate_json(line)
            loop.call_soon_threadsafe(given.put_nowait, (job, jobs.read(job.size)))
        exit_process(0)  # also while a run does not return

    Thread(target=read, daemon=True).start()
    while True:
        job, data = await given.get()
        yield job, WorkflowHistory(job.run, History.FromString(data).events)


async def _alive(answer: _Answer, work: Awaitable[Result]) -> Result:
    """Await something, and meanwhile show that the process lives."""

    async def show() -> None:
        while True:
            await asyncio.sleep(_ALIVE_EVERY)
            answer(ChildMessage())

    showing = asyncio.create_task(show())
    try:
        return await work
    finally:
        showing.cancel()


def _answered(job: ReplayJob, replayed: Replayed) -> RunReplay:
    finding = replayed.finding
    return RunReplay(
        run=job.run,
        run_id=job.run_id,
        workflow=job.workflow,
        build=job.build,
        replays=finding is None,
        event=finding.event if finding else None,
        line=finding.line if finding else None,
        sentence=finding.sentence if finding else "",
    )


def _run() -> None:
    """Keep the standard streams for the protocol: the author's code may print and read."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)

    def answer(message: ChildMessage) -> None:
        answers.write(f"{message.model_dump_json()}\n")
        answers.flush()

    try:
        asyncio.run(main(jobs, answer))
    except (PerdureError, RuntimeError, ValueError) as error:  # temporalio's errors for code that it refuses
        answer(ChildMessage(error=str(error) if error.__cause__ is None else f"{error} ({error.__cause__})"))
    sys.stderr.flush()


if __name__ == "__main__":
    os.nice(_NICE)
    _run()
    exit_process(0)
