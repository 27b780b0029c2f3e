"""Temporal's part of `/readyz`, on a real server."""

import asyncio

from perdure.config.settings import TemporalSettings
from perdure.local.ports import choose_ports
from perdure_orchestrator.temporal import connect_temporal, is_reachable
from tests.support.temporal_server import temporal_server


async def test_temporal_answers_until_it_is_killed_and_again_after_a_restart() -> None:
    port = choose_ports({"temporal": 0}, remembered={}, requested={})["temporal"]
    async with temporal_server(port):
        client = await connect_temporal(TemporalSettings(port=port))
        running = await is_reachable(client)
    killed = await is_reachable(client)
    async with temporal_server(port), asyncio.timeout(60):
        while not await is_reachable(client):
            await asyncio.sleep(0.1)

    assert (running, killed) == (True, False)
