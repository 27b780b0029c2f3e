"""Runs a program of a service to its end: this process imports neither services nor the user's code."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from perdure.config.project import project_folder
from perdure.errors import SetupError
from perdure.local.process import die_with_parent

__all__ = ["Ended", "OwnProgram", "own_program_lines", "run_own_program"]

_LONGEST_LINE: Final = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code, or minus the signal number.
        output: What it wrote to standard output.
        errors: What it wrote to standard error.
    """

    code: int
    output: bytes
    errors: bytes


async def run_own_program(
    module: str,
    *arguments: str,
    given: bytes = b"",
    within: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run ``python -m <module>`` in the project's folder; it does not outlive the call.

    Args:
        module: The program.
        arguments: Its arguments.
        given: Its standard input.
        within: Seconds that it may take; by default without limit.
        environment: Variables beside those of this process.

    Raises:
        TimeoutError: It has not ended in time.
    """
    async with _started(module, *arguments, environment=environment) as child:
        async with asyncio.timeout(within):
            output, errors = await child.communicate(given)
        return Ended(await child.wait(), output, errors)


class OwnProgram:
    """A program that runs: its lines are iterated over, once.

    They end with a ``SetupError`` if it ends with another exit code than zero: the last line of its errors.
    """

    def __init__(self, child: asyncio.subprocess.Process, errors: asyncio.Task[bytes]) -> None:
        self._child = child
        self._errors = errors

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the lines that it prints."""
        assert self._child.stdout is not None  # noqa: S101 (it is a pipe)
        async for line in self._child.stdout:
            yield line
        if code := await self._child.wait():
            last = (await self._errors).decode(errors="replace").strip().rpartition("\n")[2]
            raise SetupError(f"{last or 'no output'} (exit {code})")

    async def let_go_on(self) -> None:
        """Write an empty line to its standard input, for which it waits, unless it has ended."""
        assert self._child.stdin is not None  # noqa: S101 (it is a pipe)
        with suppress(ConnectionError):
            self._child.stdin.write(b"\n")
            await self._child.stdin.drain()


@asynccontextmanager
async def own_program_lines(module: str, *arguments: str, environment: Mapping[str, str]) -> AsyncIterator[OwnProgram]:
    """Run ``python -m <module>`` in the project's folder, and give the lines that it prints; it ends with the block.

    Args:
        module: The program.
        arguments: Its arguments.
        environment: Variables beside those of this process.
    """
    async with _started(module, *arguments, environment=environment) as child:
        errors = asyncio.create_task(_read(child.stderr))
        try:
            yield OwnProgram(child, errors)
        finally:
            errors.cancel()


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    return b"" if stream is None else await stream.read()


@asynccontextmanager
async def _started(
    module: str, *arguments: str, environment: Mapping[str, str] | None
) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=project_folder(),
        limit=_LONGEST_LINE,
        preexec_fn=die_with_parent,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
