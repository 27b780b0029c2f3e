"""Supervises programs: starts them, waits until they are ready, restarts those that die, stops all in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from perdure.errors import SetupError
from perdure.local.kept_program import KeptProgram, Moving
from perdure.local.program import Program
from perdure.local.program_event import ProgramEvent

__all__ = ["Supervisor", "supervised"]

_READY_WITHIN: Final = 60.0  # seconds
_ROTATE_EVERY: Final = 5.0  # seconds

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the programs of a suite.

    Args:
        programs: In start order.
        logs: The folder of their log files.
        report: Called with every event of a program.
        moved: Called with the name of a program that ended. Returns the programs that must run anew, on other ports; a
            ``SetupError`` from it says why that cannot be.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        logs: Path,
        report: Callable[[ProgramEvent], None],
        moved: Callable[[str], Sequence[Program]],
    ) -> None:
        self._logs = logs
        self._report = report
        self._moving = Moving(moved, self._replace)
        self._kept = {program.name: self._keeper(program) for program in programs}
        self._rotating: asyncio.Task[None] | None = None

    @property
    def names(self) -> list[str]:
        """The programs, in start order."""
        return list(self._kept)

    async def start(self) -> None:
        """Start all programs at once and wait until all are ready.

        Raises:
            SetupError: A program ends, takes too long or cannot be executed; the message has its last log lines.
        """
        self._rotating = asyncio.create_task(self._rotate_logs())
        await _started(self._kept.values())

    async def add(self, programs: Sequence[Program]) -> None:
        """Start more programs and wait until they are ready; they are kept running like the others.

        Raises:
            SetupError: As for ``start``; these programs are gone then, and the others run on.
        """
        added = {program.name: self._keeper(program) for program in programs}
        self._kept |= added
        try:
            await _started(added.values())
        except SetupError:
            await asyncio.gather(*map(self.remove, added))
            raise

    async def remove(self, name: str) -> None:
        """Stop a program for good."""
        kept = self._kept.pop(name)
        await kept.forgo()
        await kept.stop()

    def rename(self, name: str, new: str) -> None:
        """Give a program and its log another name; it runs on."""
        self._kept = {new if known == name else known: kept for known, kept in self._kept.items()}
        self._kept[new].rename(new)

    async def stop(self) -> None:
        """Stop all programs in reverse start order."""
        if self._rotating is not None:
            self._rotating.cancel()
            await asyncio.gather(self._rotating, return_exceptions=True)
        await asyncio.gather(*(kept.forgo() for kept in self._kept.values()))
        for kept in reversed(self._kept.values()):
            await kept.stop()

    def pid(self, name: str) -> int:
        """Return the current process id of a program."""
        return self._kept[name].pid

    def restarts(self, name: str) -> int:
        """Return how often a program was restarted."""
        return self._kept[name].restarts

    def kill(self, name: str) -> None:
        """Kill a program with SIGKILL."""
        self._kept[name].kill()

    async def restart(self, name: str, why: str) -> None:
        """Stop a program, which then starts again; one that does not run starts soon by itself.

        Args:
            name: The program.
            why: Why.
        """
        await self._kept[name].restart(why)

    async def replace(self, program: Program, why: str) -> None:
        """Start a program anew, with another command, environment or address."""
        self._kept[program.name].program = program
        await self.restart(program.name, why)

    def update(self, program: Program) -> None:
        """Let a program have another command, environment or address when it starts next."""
        self._kept[program.name].program = program

    async def ready(self, name: str) -> None:
        """Wait until a program is ready."""
        await self._kept[name].ready.wait()

    def _keeper(self, program: Program) -> KeptProgram:
        return KeptProgram(program, self._logs, self._report, self._moving)

    async def _replace(self, programs: Sequence[Program], name: str) -> None:
        for program in programs:
            self._kept[program.name].program = program
        others = [program.name for program in programs if program.name != name]
        await asyncio.gather(*(self.restart(other, f"{name} moves to another port") for other in others))

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(_ROTATE_EVERY)
            for name, kept in self._kept.items():
                try:
                    kept.rotate_log()
                except OSError as error:  # such as a full disk; the log grows until it works
                    _log.warning("The log of %s is not rotated: %s", name, error)


async def _started(programs: Collection[KeptProgram]) -> None:
    """Start programs and wait until all are ready; from then on they start anew by themselves.

    Raises:
        SetupError: One ends, takes too long or cannot be executed.
    """
    for kept in programs:
        kept.begin()
    all_ready = asyncio.create_task(_all_ready(programs))
    waited: set[asyncio.Future[Any]] = {all_ready, *(kept.failed for kept in programs)}
    try:
        await asyncio.wait(waited, timeout=_READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
    finally:
        all_ready.cancel()
    if all_ready.done() and not all_ready.cancelled():
        for kept in programs:
            kept.failed.cancel()
        return
    if (failed := next((kept.failed for kept in programs if kept.failed.done()), None)) is not None:
        raise SetupError(failed.result())
    late = next(kept for kept in programs if not kept.ready.is_set())
    raise SetupError(late.failure(f"is not ready after {_READY_WITHIN:.0f} s"))


async def _all_ready(programs: Collection[KeptProgram]) -> None:
    for kept in programs:
        await kept.ready.wait()


@asynccontextmanager
async def supervised(
    programs: Sequence[Program],
    logs: Path,
    report: Callable[[ProgramEvent], None],
    *,
    moved: Callable[[str], Sequence[Program]] = lambda _: (),
) -> AsyncIterator[Supervisor]:
    """Keep programs running for the duration of the block; none is left afterwards."""
    supervisor = Supervisor(programs, logs, report, moved)
    try:
        await supervisor.start()
        yield supervisor
    finally:
        await supervisor.stop()
