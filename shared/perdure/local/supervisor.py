"""Supervises programs: starts them, waits until they are ready, restarts those that die, stops all in order."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from perdure.errors import SetupError
from perdure.local.process import Process
from perdure.local.program import Program
from perdure.local.program_event import Died, ProgramEvent, Ready, Restarting, Stopped, Troubled

__all__ = ["Supervisor", "supervised"]

_READY_WITHIN: Final = 60.0  # seconds
_POLL_EVERY: Final = 0.05  # seconds
_FIRST_BACKOFF: Final = 0.1  # seconds before a restart; doubled each time
_LONGEST_BACKOFF: Final = 10.0  # seconds
_HEALTHY_AFTER: Final = 30.0  # seconds of uptime that reset the backoff
_ROTATE_EVERY: Final = 5.0  # seconds
_LOOK_EVERY: Final = 1.0  # seconds between two looks at the health of a program that runs

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
        self._programs = {program.name: program for program in programs}
        self._logs = logs
        self._report = report
        self._moved = moved
        self._planned: dict[str, bool] = {}  # by program that is stopped to start anew: whether since it has trouble
        self._running: dict[str, Process] = {}
        self._ready = {name: asyncio.Event() for name in self._programs}
        self._restarts = dict.fromkeys(self._programs, 0)
        self._keepers: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start all programs at once and wait until all are ready.

        Raises:
            SetupError: A program ends, takes too long or cannot be executed; the message has its last log lines.
        """
        self._keepers = [asyncio.create_task(self._keep(name)) for name in self._programs]
        self._keepers.append(asyncio.create_task(self._rotate_logs()))
        all_ready = asyncio.create_task(self._all_ready())
        both: set[asyncio.Future[Any]] = {all_ready, self._failed}
        await asyncio.wait(both, timeout=_READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if all_ready.done():
            self._failed.cancel()
            return
        all_ready.cancel()
        if self._failed.done():
            raise SetupError(self._failed.result())
        late = next(name for name, ready in self._ready.items() if not ready.is_set())
        raise SetupError(self._failure(late, f"is not ready after {_READY_WITHIN:.0f} s"))

    async def stop(self) -> None:
        """Stop all programs in reverse start order."""
        for task in self._keepers:
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for name in reversed(self._programs):
            if name in self._running:
                await self._running[name].stop()
                self._report(Stopped(name))

    def pid(self, name: str) -> int:
        """Return the current process id of a program."""
        return self._running[name].pid

    def restarts(self, name: str) -> int:
        """Return how often a program was restarted."""
        return self._restarts[name]

    def kill(self, name: str) -> None:
        """Kill a program with SIGKILL."""
        self._ready[name].clear()
        self._running[name].send(signal.SIGKILL)

    async def restart(self, name: str, why: str, *, has_trouble: bool = False) -> None:
        """Stop a program, which then starts again; one that does not run starts soon by itself.

        Args:
            name: The program.
            why: Why.
            has_trouble: Whether this may help against trouble that returns: then it starts again like one that died.
        """
        process = self._running.get(name)
        if process is not None and process.is_running:
            self._planned[name] = has_trouble
            self._report(Restarting(name, why))
            await process.stop()

    async def ready(self, name: str) -> None:
        """Wait until a program is ready."""
        await self._ready[name].wait()

    async def _all_ready(self) -> None:
        for ready in self._ready.values():
            await ready.wait()

    async def _keep(self, name: str) -> None:
        backoff = _FIRST_BACKOFF
        while True:
            began = time.monotonic()
            how = await self._run_once(name)
            had_trouble = self._planned.pop(name, None)
            if had_trouble is False:
                continue
            backoff = _FIRST_BACKOFF if time.monotonic() - began > _HEALTHY_AFTER else backoff
            if had_trouble is None and not await self._died(name, how, backoff):
                return
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
            if had_trouble is None:
                self._restarts[name] += 1

    async def _died(self, name: str, how: str, backoff: float) -> bool:
        """Report that a program died; returns whether it starts again: not while the suite starts."""
        moved, how = self._where_to(name, how)
        if not moved and not self._failed.done():
            self._failed.set_result(self._failure(name, f"does not start ({how})"))
            return False
        self._report(Died(name, how, backoff, self._last_message(name, how)))
        await self._replace(moved, name)
        return True

    def _where_to(self, name: str, how: str) -> tuple[Sequence[Program], str]:
        """Return the programs that run anew if a program lost its port, and how it ended, with what is known of why."""
        try:
            moved = self._moved(name)
        except SetupError as error:
            return (), f"{how}: {error}"
        return moved, f"{how}: another program took its port, so it moves" if moved else how

    async def _replace(self, programs: Sequence[Program], name: str) -> None:
        self._programs |= {program.name: program for program in programs}
        others = [program.name for program in programs if program.name != name]
        await asyncio.gather(*(self.restart(other, f"{name} moves to another port") for other in others))

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(_ROTATE_EVERY)
            for name, process in self._running.items():
                try:
                    process.rotate_log()
                except OSError as error:  # such as a full disk; the log grows until it works
                    _log.warning("The log of %s is not rotated: %s", name, error)

    async def _run_once(self, name: str) -> str:
        """Start a program, wait until it ends, and return how it ended."""
        try:
            if (first := self._programs[name].first) is not None:
                await first()
            process = self._running[name] = await Process.start(program := self._programs[name], self._logs)
        except SetupError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be executed: {error}"
        if program is not self._programs[name]:  # replaced while it started
            await self.restart(name, "its addresses have changed")
        watching = asyncio.create_task(self._watch(name))
        try:
            return _describe_exit(await process.wait())
        finally:
            watching.cancel()
            self._ready[name].clear()

    async def _watch(self, name: str) -> None:
        """Report when a program is ready; start it anew when its health check says that this helps."""
        await self._report_ready(name)
        reported = False
        while (look := self._programs[name].trouble) is not None:
            await asyncio.sleep(_LOOK_EVERY)
            trouble = await look()
            if trouble is not None and trouble.restart_helps:
                await self.restart(name, trouble.what, has_trouble=True)
            elif trouble is not None and not reported:
                self._report(Troubled(name, trouble.what))
            reported = trouble is not None

    async def _report_ready(self, name: str) -> None:
        began, program = time.monotonic(), self._programs[name]
        while not await program.ready():
            await asyncio.sleep(_POLL_EVERY)
        self._ready[name].set()
        self._report(Ready(name, program.where, time.monotonic() - began, self.pid(name)))

    def _last_message(self, name: str, how: str) -> str:
        return self._running[name].last_output(1) if name in self._running and how.startswith("exit") else ""

    def _failure(self, name: str, what: str) -> str:
        if name not in self._running:
            return f"{name} {what}."
        return f"{name} {what}. The end of its log {self._logs / name}.log:\n{self._running[name].last_output()}"


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


def _describe_exit(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
