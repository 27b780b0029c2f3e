"""One program under supervision: started, watched until it is ready, and started anew whenever it ends."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from perdure.errors import SetupError
from perdure.local.process import Process
from perdure.local.program import Program
from perdure.local.program_event import Died, ProgramEvent, Ready, Restarting, Stopped, Troubled
from perdure.values.signal_name import signal_name

__all__ = ["KeptProgram", "Moving"]

_POLL_EVERY: Final = 0.05  # seconds
_FIRST_BACKOFF: Final = 0.1  # seconds before a restart; doubled each time
_LONGEST_BACKOFF: Final = 10.0  # seconds
_HEALTHY_AFTER: Final = 30.0  # seconds of uptime that reset the backoff
_LOOK_EVERY: Final = 1.0  # seconds between two looks at the health of a program that runs


class Moving:
    """What happens when a program that ended has lost its port.

    Args:
        moved: Called with its name. Returns the programs that must run anew, on other ports; a ``SetupError`` from it
            says why that cannot be.
        replace: Replaces these programs; called with the name of the one that ended, too.
    """

    def __init__(
        self,
        moved: Callable[[str], Sequence[Program]],
        replace: Callable[[Sequence[Program], str], Awaitable[None]],
    ) -> None:
        self._moved = moved
        self.replace = replace

    def where_to(self, name: str, how: str) -> tuple[Sequence[Program], str]:
        """Return the programs that run anew if a program lost its port, and how it ended, with what is known of why."""
        try:
            moved = self._moved(name)
        except SetupError as error:
            return (), f"{how}: {error}"
        return moved, f"{how}: another program took its port, so it moves" if moved else how


class KeptProgram:
    """Keeps a program running.

    Args:
        program: The program.
        logs: The folder of its log file.
        report: Called with every event of it.
        moving: What happens when it has lost its port.

    Attributes:
        program: What is started next time.
        restarts: How often it was restarted.
        ready: Whether it is ready.
        failed: Why it does not start, once that is known; done when it may start anew by itself.
    """

    def __init__(self, program: Program, logs: Path, report: Callable[[ProgramEvent], None], moving: Moving) -> None:
        self.program = program
        self.restarts = 0
        self.ready = asyncio.Event()
        self.failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._logs = logs
        self._report = report
        self._moving = moving
        self._planned: bool | None = None  # once it is stopped to start anew: whether since it has trouble
        self._process: Process | None = None
        self._keeping: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Its current process id.

        Raises:
            LookupError: It never ran.
        """
        if self._process is None:
            raise LookupError(self.program.name)
        return self._process.pid

    def begin(self) -> None:
        """Start it, and keep it running."""
        self._keeping = asyncio.create_task(self._keep())

    async def forgo(self) -> None:
        """Start it no more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def stop(self) -> None:
        """Stop it; it must not be kept any more."""
        if self._process is not None:
            await self._process.stop()
            self._report(Stopped(self.program.name))

    def kill(self) -> None:
        """Kill it with SIGKILL.

        Raises:
            LookupError: It never ran.
        """
        self.ready.clear()
        if self._process is None:
            raise LookupError(self.program.name)
        self._process.send(signal.SIGKILL)

    async def restart(self, why: str, *, has_trouble: bool = False) -> None:
        """Stop it, so that it starts again; if it does not run it starts soon by itself.

        Args:
            why: Why.
            has_trouble: Whether this may help against trouble that returns: then it starts again like one that died.
        """
        if self._process is not None and self._process.is_running:
            self._planned = has_trouble
            self._report(Restarting(self.program.name, why))
            await self._process.stop()

    def rename(self, name: str) -> None:
        """Give it and its log another name; it runs on."""
        self.program = replace(self.program, name=name)
        if self._process is not None:
            self._process.move_log(self._logs / f"{name}.log")

    def rotate_log(self) -> None:
        """Move the content of a log that has become too large to another file.

        Raises:
            OSError: That cannot be done, such as with a full disk; the log grows until it works.
        """
        if self._process is not None:
            self._process.rotate_log()

    def failure(self, what: str) -> str:
        """Return the sentence that it failed so, with the end of its log."""
        name = self.program.name
        if self._process is None:
            return f"{name} {what}."
        return f"{name} {what}. The end of its log {self._logs / name}.log:\n{self._process.last_output()}"

    async def _keep(self) -> None:
        backoff = _FIRST_BACKOFF
        while True:
            began = time.monotonic()
            how = await self._run_once()
            had_trouble, self._planned = self._planned, None
            if had_trouble is False:
                continue
            backoff = _FIRST_BACKOFF if time.monotonic() - began > _HEALTHY_AFTER else backoff
            if had_trouble is None and not await self._died(how, backoff):
                return
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LONGEST_BACKOFF)
            if had_trouble is None:
                self.restarts += 1

    async def _died(self, how: str, backoff: float) -> bool:
        """Report that it died; returns whether it starts again: not if it never started."""
        name = self.program.name
        moved, how = self._moving.where_to(name, how)
        if not moved and not self.failed.done():
            self.failed.set_result(self.failure(f"does not start ({how})"))
            return False
        self._report(Died(name, how, backoff, self._last_message(how)))
        await self._moving.replace(moved, name)
        return True

    async def _run_once(self) -> str:
        """Start it, wait until it ends, and return how it ended."""
        try:
            if (first := self.program.first) is not None:
                await first()
            process = self._process = await Process.start(program := self.program, self._logs)
        except SetupError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be executed: {error}"
        if replace(program, name=self.program.name) != self.program:  # replaced while it started
            await self.restart("its addresses have changed")
        watching = asyncio.create_task(self._watch())
        try:
            return _describe_exit(await process.wait())
        finally:
            watching.cancel()
            self.ready.clear()

    async def _watch(self) -> None:
        """Report when it is ready; start it anew when its health check says that this helps."""
        await self._report_ready()
        reported = False
        while (look := self.program.trouble) is not None:
            await asyncio.sleep(_LOOK_EVERY)
            trouble = await look()
            if trouble is not None and trouble.restart_helps:
                await self.restart(trouble.what, has_trouble=True)
            elif trouble is not None and not reported:
                self._report(Troubled(self.program.name, trouble.what))
            reported = trouble is not None

    async def _report_ready(self) -> None:
        began, program = time.monotonic(), self.program
        while not await program.ready():
            await asyncio.sleep(_POLL_EVERY)
        self.ready.set()
        self._report(Ready(self.program.name, program.where, time.monotonic() - began, self.pid))

    def _last_message(self, how: str) -> str:
        return self._process.last_output(1) if self._process is not None and how.startswith("exit") else ""


def _describe_exit(code: int) -> str:
    return signal_name(-code) if code < 0 else f"exit {code}"
