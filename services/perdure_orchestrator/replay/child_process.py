"""A process that replays histories, which is killed if it hangs: a run's code may block, or end its process."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from pydantic import ValidationError
from temporalio.api.history.v1 import History

from perdure.errors import SetupError
from perdure.values.replay import RunReplay
from perdure_orchestrator.replay.corpus import RecordedRun
from perdure_orchestrator.replay.job import ChildMessage, ReplayJob

__all__ = ["ChildProcess"]

_SILENT: Final = 30.0  # seconds; a process that lives shows it each second
_STARTS_WITHIN: Final = 120.0  # seconds to import the author's code, as in a check of the configuration
_LONGEST_LINE: Final = 2**24  # bytes


class ChildProcess:
    """One process after the other, the next one when the last has hung or died."""

    def __init__(self) -> None:
        self._process: Process | None = None

    async def replay(self, run: RecordedRun, history: History) -> tuple[RunReplay, bool]:
        """Replay a run, and return what came of it, and whether that has cost the process.

        Raises:
            SetupError: The author's code cannot be loaded.
        """
        process = self._process or await self._start()
        data = history.SerializeToString()
        job = ReplayJob(run=run.run, run_id=run.run_id, workflow=run.workflow, build=run.build, size=len(data))
        try:
            await _write(process, f"{job.model_dump_json()}\n".encode() + data)
            while (message := await _read(process, _SILENT)).replay is None:
                pass
        except TimeoutError:
            await self.stop()
            return _lost(run, "The code does not return, and cannot be interrupted: its replay was given up."), True
        except EOFError:
            code = await process.wait()
            await self.stop()
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return _lost(run, f"The code ends the process that replays it ({how})."), True
        if message.is_spent:
            await self.stop()
        return message.replay, message.is_spent

    async def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _start(self) -> Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "perdure_orchestrator.replay.child",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=_LONGEST_LINE,
        )
        try:
            error = (await _read(process, _STARTS_WITHIN)).error
        except (EOFError, TimeoutError):
            error = "The modules of `workflows:` end the process that imports them, or do not return."
        if error is not None:
            await self.stop()
            raise SetupError(error)
        return process


async def _write(process: Process, data: bytes) -> None:
    if process.stdin is None:
        raise EOFError
    try:
        process.stdin.write(data)
        await process.stdin.drain()
    except ConnectionError as error:
        raise EOFError from error


async def _read(process: Process, within: float) -> ChildMessage:
    """Read a message.

    Raises:
        EOFError: The process has ended.
        TimeoutError: It shows nothing of itself.
    """
    if process.stdout is None:
        raise EOFError
    async with asyncio.timeout(within):
        line = await process.stdout.readline()
    try:
        return ChildMessage.model_validate_json(line)
    except ValidationError as error:  # it has ended, perhaps in the middle of a line
        raise EOFError from error


def _lost(run: RecordedRun, sentence: str) -> RunReplay:
    return RunReplay(
        run=run.run, run_id=run.run_id, workflow=run.workflow, build=run.build, replays=False, sentence=sentence
    )
