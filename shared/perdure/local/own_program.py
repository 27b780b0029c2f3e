"""Runs a program of a service to its end: this process imports neither services nor the user's code."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from perdure.config.project import project_folder

__all__ = ["Ended", "run_own_program"]


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
    )
    try:
        async with asyncio.timeout(within):
            output, errors = await child.communicate(given)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return Ended(await child.wait(), output, errors)
