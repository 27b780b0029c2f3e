"""Keeps programs running: starts them, waits until they are really ready, brings back what dies, stops all in order."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from perdure.errors import SetupError
from perdure.local.process import Process
from perdure.local.program import Program

__all__ = ["Died", "Happening", "Ready", "Stopped", "Supervisor", "supervised"]

_READY_WITHIN: Final = 60.0  # seconds
_LOOK_EVERY: Final = 0.05  # seconds
_FIRST_WAIT: Final = 0.1  # seconds before a restart; doubled each time
_LONGEST_WAIT: Final = 10.0  # seconds
_HEALTHY_AFTER: Final = 30.0  # seconds of life after which the wait starts small again


@dataclass(frozen=True, slots=True)
class Ready:
    """A program can do its work; ``seconds`` since it was started."""

    name: str
    where: str
    seconds: float
    pid: int


@dataclass(frozen=True, slots=True)
class Died:
    """A program ended without being asked to, or could not be executed; it is tried again after ``seconds``."""

    name: str
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """A program ended because it was asked to."""

    name: str


Happening = Ready | Died | Stopped


class Supervisor:
    """The programs of a suite while they run."""

    def __init__(self, programs: Sequence[Program], logs: Path, tell: Callable[[Happening], None]) -> None:
        self._programs = {program.name: program for program in programs}
        self._logs = logs
        self._tell = tell
        self._running: dict[str, Process] = {}
        self._ready = {name: asyncio.Event() for name in self._programs}
        self._restarts = dict.fromkeys(self._programs, 0)
        self._keeping: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start everything at once and wait until all of it is ready.

        Raises:
            SetupError: A program ends instead, takes too long, or cannot be executed; its last words are told.
        """
        self._keeping = [asyncio.create_task(self._keep(name)) for name in self._programs]
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
        raise SetupError(self._complaint(late, f"is not ready after {_READY_WITHIN:.0f} s"))

    async def stop(self) -> None:
        """Stop everything, in the reverse of the order in which it was given."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for name in reversed(self._programs):
            if name in self._running:
                await self._running[name].stop()
                self._tell(Stopped(name))

    def pid(self, name: str) -> int:
        """Return the process id that a program has now."""
        return self._running[name].pid

    def restarts(self, name: str) -> int:
        """Return how often a program was brought back."""
        return self._restarts[name]

    def kill(self, name: str) -> None:
        """Kill a program with SIGKILL, as a crash or the kernel would."""
        self._ready[name].clear()
        self._running[name].send(signal.SIGKILL)

    async def ready(self, name: str) -> None:
        """Wait until a program can do its work."""
        await self._ready[name].wait()

    async def _all_ready(self) -> None:
        for ready in self._ready.values():
            await ready.wait()

    async def _keep(self, name: str) -> None:
        wait = _FIRST_WAIT
        while True:
            began = time.monotonic()
            how = await self._live(name)
            if not self._failed.done():
                self._failed.set_result(self._complaint(name, f"does not start ({how})"))
                return
            wait = _FIRST_WAIT if time.monotonic() - began > _HEALTHY_AFTER else wait
            self._tell(Died(name, how, wait))
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            self._restarts[name] += 1

    async def _live(self, name: str) -> str:
        """Start a program and wait until it ends; returns how."""
        program = self._programs[name]
        try:
            if program.first is not None:
                await program.first()
            process = self._running[name] = await Process.start(program, self._logs)
        except SetupError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be executed: {error}"
        becoming = asyncio.create_task(self._become_ready(name))
        try:
            return _how(await process.wait())
        finally:
            becoming.cancel()
            self._ready[name].clear()

    async def _become_ready(self, name: str) -> None:
        began, program = time.monotonic(), self._programs[name]
        while not await program.ready():
            await asyncio.sleep(_LOOK_EVERY)
        self._ready[name].set()
        self._tell(Ready(name, program.where, time.monotonic() - began, self.pid(name)))

    def _complaint(self, name: str, what: str) -> str:
        if name not in self._running:
            return f"{name} {what}."
        return f"{name} {what}. Its last words, from {self._logs / name}.log:\n{self._running[name].last_output()}"


@asynccontextmanager
async def supervised(
    programs: Sequence[Program], logs: Path, tell: Callable[[Happening], None]
) -> AsyncIterator[Supervisor]:
    """Keep programs running for as long as the block lasts; afterwards none is left."""
    supervisor = Supervisor(programs, logs, tell)
    try:
        await supervisor.start()
        yield supervisor
    finally:
        await supervisor.stop()


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
