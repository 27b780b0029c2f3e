"""Temporal's small test server as a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.binaries import binary


@asynccontextmanager
async def temporal_server(port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        binary("temporal-test-server"), str(port), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()
