"""The process of an MCP server, which leads a process group: wrappers such as npx and uvx have children."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process, SubprocessStreamProtocol
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self, TextIO

from perdure.values.signal_name import signal_name

__all__ = ["END_WITHIN", "ServerProcess"]

END_WITHIN: Final = 1.0
"""Seconds from the end of the output to that of the process, or the other way round: a child may hold it open."""

_AFTER_INPUT: Final = 2.0  # seconds from the end of its input to SIGTERM; MCP asks for this order
_AFTER_TERM: Final = 2.0  # seconds from SIGTERM to SIGKILL
_AFTER_KILL: Final = 2.0  # seconds; only what the kernel does not let go lasts longer
_EVERY: Final = 0.01  # seconds between two looks at the group
_CHUNK: Final = 1 << 16  # bytes

# A shell that waits until the worker ends, however it ends, and then ends what remains of the group.
_WATCH: Final = 'read -r _; kill -s TERM -- "-$0"; sleep 2; kill -s KILL -- "-$0"'


class _Protocol(SubprocessStreamProtocol):
    """The protocol of asyncio's own processes, with an event for the end of the process alone."""

    def __init__(self) -> None:
        super().__init__(limit=_CHUNK, loop=asyncio.get_running_loop())
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


class ServerProcess:
    """A started server.

    Attributes:
        child: The process, for its pipes.
        exited: Set when it has ended; its children may live on, with its pipes.
    """

    def __init__(
        self, child: Process, transport: asyncio.SubprocessTransport, exited: asyncio.Event, watch: Process
    ) -> None:
        self.child = child
        self.exited = exited
        self._transport = transport
        self._watch = watch
        self._own_end: str | None = None
        self._stopping = self._stopped = False
        self._group_is_gone = False
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(cls, command: Sequence[str], env: Mapping[str, str], folder: Path, errors: TextIO) -> Self:
        """Start a server in a session and process group of its own.

        Args:
            command: The program and its arguments.
            env: All of its environment.
            folder: Where it starts.
            errors: Its standard error.

        Raises:
            OSError: It cannot be started.
            ValueError: An argument or variable holds a null character.
        """
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            _Protocol,
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
        child = Process(transport, protocol, loop)  # as create_subprocess_exec, which hides the transport
        try:
            watch = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _WATCH, str(child.pid)),
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            _signal(child.pid, signal.SIGKILL)
            transport.close()
            raise
        return cls(child, transport, protocol.exited, watch)

    async def own_end(self) -> str | None:
        """Return how the server ended by itself, as the beginning of a sentence; None if it has not."""
        if self._own_end is None and not self._stopping and self._output_ended():
            has_ended = await _within(END_WITHIN, self.exited.is_set)
            self._own_end = _end(self.child.returncode if has_ended else None)
        return self._own_end

    async def stop(self) -> None:
        """End the whole group: by the end of its input, by SIGTERM, by SIGKILL. Returns when it is gone."""
        await self.own_end()
        self._stopping = True
        async with self._one_at_a_time:
            if not self._stopped:
                await self._stop()
                self._stopped = True

    async def stop_after_own_end(self) -> None:
        """Wait until the process has ended, and end what remains of its group: nobody may call the server again."""
        await self.exited.wait()
        await asyncio.sleep(END_WITHIN)
        await self.stop()

    async def _stop(self) -> None:
        if self.child.stdin is not None:
            self.child.stdin.close()
        if not await self._gone(_AFTER_INPUT):
            self._signal_group(signal.SIGTERM)
            if not await self._gone(_AFTER_TERM):
                self._signal_group(signal.SIGKILL)
                await self._gone(_AFTER_KILL)
        self._transport.close()  # what has left the group may hold the pipes open
        if self._watch.returncode is None:
            self._watch.kill()
        await self._watch.wait()

    def _output_ended(self) -> bool:
        return self.exited.is_set() or (self.child.stdout is not None and self.child.stdout.at_eof())

    async def _gone(self, within: float) -> bool:
        """Return whether the process and its group end soon."""
        return await _within(within, lambda: self.exited.is_set() and not self._signal_group(0))

    def _signal_group(self, number: int) -> bool:
        """Send a signal to the group; returns whether it exists. Once it does not, its id may be that of strangers."""
        self._group_is_gone = self._group_is_gone or self._id_is_a_strangers() or not _signal(self.child.pid, number)
        return not self._group_is_gone

    def _id_is_a_strangers(self) -> bool:
        """Return whether the id was given to another process, which the system does once nothing has it any more."""
        return self.exited.is_set() and _exists(self.child.pid)


async def _within(seconds: float, fact: Callable[[], bool]) -> bool:
    """Return whether something becomes true soon. No event tells it: `Process.wait` waits for children's pipes, too."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not fact():
        if loop.time() >= until:
            return False
        await asyncio.sleep(_EVERY)
    return True


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group; returns whether it exists."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # macOS answers so for processes that have ended and that nobody has waited for
    return True


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _end(code: int | None) -> str:
    if code is None:
        return "it closed its output"
    if code < 0:
        return f"its process was ended by {signal_name(-code)}"
    return f"its process ended with exit code {code}"
