"""A process of a contestant, beside the suite."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["beside"]

_STOPS_WITHIN: Final = 20.0  # seconds


@asynccontextmanager
async def beside(module: str, *arguments: str, piped: bool = False) -> AsyncIterator[Process]:
    """Run a module as a process of its own for as long as the block lasts; piped, its input and output are ours."""
    pipe = asyncio.subprocess.PIPE if piped else None
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, stdin=pipe, stdout=pipe)
    try:
        yield worker
    finally:
        if worker.returncode is None:  # a signal to the whole group has ended it already
            worker.terminate()
        async with asyncio.timeout(_STOPS_WITHIN):
            await worker.wait()
