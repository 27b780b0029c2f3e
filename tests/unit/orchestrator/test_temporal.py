"""Temporal's part of `/readyz`, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.config.settings import TemporalSettings
from perdure.local.ports import choose_ports
from perdure_orchestrator.temporal import connect_temporal, is_reachable
from tests.support.binaries import binary


async def test_temporal_answers_until_it_is_killed_and_again_after_a_restart() -> None:
    port = choose_ports({"temporal": 0}, remembered={}, requested={})["temporal"]
    async with server(port):
        client = await connect_temporal(TemporalSettings(port=port))
        running = await is_reachable(client)
    killed = await is_reachable(client)
    async with server(port), asyncio.timeout(60):
        while not await is_reachable(client):
            await asyncio.sleep(0.1)

    assert (running, killed) == (True, False)


@asynccontextmanager
async def server(port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        binary("temporal-test-server"), str(port), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        await process.wait()
