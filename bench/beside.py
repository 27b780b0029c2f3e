"""A process of a contestant, outside the suite."""

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
    """Run a module in its own process for as long as the block lasts; ``piped`` opens stdin and stdout."""
    pipe = asyncio.subprocess.PIPE if piped else None
    worker = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *arguments, stdin=pipe, stdout=pipe)
    try:
        yield worker
    finally:
        if worker.returncode is None:  # unless a signal to the whole group has ended it
            worker.terminate()
        async with asyncio.timeout(_STOPS_WITHIN):
            await worker.wait()
