"""Runs a program of a service to its end: this process imports neither services nor the user's code."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from perdure.config.project import project_folder
from perdure.errors import SetupError
from perdure.local.process import die_with_parent

__all__ = ["Ended", "own_program_lines", "run_own_program"]

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


@asynccontextmanager
async def own_program_lines(
    module: str, *arguments: str, environment: Mapping[str, str]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Run ``python -m <module>`` in the project's folder, and give the lines that it prints; it ends with the block.

    The lines end with a ``SetupError`` if it ends with another exit code than zero: the last line of its errors.

    Args:
        module: The program.
        arguments: Its arguments.
        environment: Variables beside those of this process.
    """
    async with _started(module, *arguments, environment=environment) as child:
        errors = asyncio.create_task(_read(child.stderr))
        try:
            yield _lines(child, errors)
        finally:
            errors.cancel()


async def _lines(child: asyncio.subprocess.Process, errors: asyncio.Task[bytes]) -> AsyncIterator[bytes]:
    assert child.stdout is not None  # noqa: S101 (it is a pipe)
    async for line in child.stdout:
        yield line
    if code := await child.wait():
        last = (await errors).decode(errors="replace").strip().rpartition("\n")[2]
        raise SetupError(f"{last or 'no output'} (exit {code})")


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
