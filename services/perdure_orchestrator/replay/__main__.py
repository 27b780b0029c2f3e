"""Replays histories for ``perdure replay``: ``python -m perdure_orchestrator.replay REQUEST``, a ``ReplayRequest``."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator

from temporalio.service import RPCError

from perdure.config.loader import load_settings
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import NotFound, PerdureError, Unavailable, WrongArgument
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.values.replay import (
    ReplayFailure,
    ReplayMessage,
    ReplayProgress,
    ReplayRequest,
    ReplaySummary,
    RunReplay,
)
from perdure_orchestrator.replay.corpus import RecordedRun
from perdure_orchestrator.replay.folder_corpus import folder_runs
from perdure_orchestrator.replay.pool import replay_all
from perdure_orchestrator.replay.sample import Sample
from perdure_orchestrator.replay.temporal_corpus import temporal_runs


async def main(request: ReplayRequest) -> None:
    """Replay, and print each run and a summary.

    Raises:
        NotFound: There is no history.
    """
    began, sample = time.monotonic(), Sample(request.sample, request.workflow)
    await sample.take(_runs(request))
    if not sample.runs:
        raise NotFound(_nothing(request))
    counted = Counter[bool]()

    def found(run: RunReplay) -> None:
        counted[run.replays] += 1
        progress = ReplayProgress(done=counted.total(), of=len(sample.runs))
        _print(ReplayMessage(run=run, progress=progress))

    await replay_all(sample.runs, found)
    summary = ReplaySummary(
        runs=counted.total(),
        replay=counted[True],
        differ=counted[False],
        sample=sample.groups(),
        seconds=round(time.monotonic() - began, 3),
    )
    _print(ReplayMessage(summary=summary))


async def _runs(request: ReplayRequest) -> AsyncIterator[RecordedRun]:
    """Yield what the request names.

    Raises:
        Unavailable: Temporal does not answer.
    """
    if request.folder is not None:
        async for run in folder_runs(request.folder):
            yield run
        return
    _, temporal = discover(load_settings())
    try:
        client = await open_client(temporal)
    except RuntimeError as error:  # temporalio's error when it cannot connect
        raise Unavailable(failure_text(error, temporal)) from error
    async for run in temporal_runs(client, temporal.task_queue, request.since):
        yield run


def _nothing(request: ReplayRequest) -> str:
    of = f" of {request.workflow}" if request.workflow else ""
    match request.source:
        case "open":
            return f"No run{of} is open, so nothing shows whether this code fits: `--since 7d` replays ended runs, too."
        case "since":
            return f"No run{of} was open since then, so nothing shows whether this code fits: name an earlier time."
        case "folder":
            return f"{request.folder} holds no history{of}: `perdure runs history RUN > FOLDER/RUN.json` writes one."


def _print(message: ReplayMessage) -> None:
    print(message.model_dump_json(exclude_none=True), flush=True)  # noqa: T201 (a program)


def _kind(error: Exception) -> ReplayFailure:
    match error:
        case WrongArgument():
            return "usage"
        case NotFound():
            return "not_found"
        case Unavailable() | RPCError():
            return "unreachable"
        case _:
            return "wrong"


if __name__ == "__main__":
    try:
        asyncio.run(main(ReplayRequest.model_validate_json(sys.argv[1])))
    except (PerdureError, RPCError) as error:
        _print(ReplayMessage(error=str(error), kind=_kind(error)))
        exit_process(1)
    exit_process(0)
