"""Two suites on one NATS and one Temporal, with TLS: an account and a namespace each, and no message crosses."""

import json
from pathlib import Path

import pytest

from perdure.connections.temporal import open_client
from perdure.local.discovery import discover
from tests.support.production import production_servers
from tests.support.suite import World, open_world

SUITES = ("orders", "claims")


@pytest.mark.timeout(600)
async def test_two_suites_share_the_servers_and_no_message_crosses(tmp_path: Path) -> None:
    async with production_servers(tmp_path / "servers", SUITES) as configurations:
        folders = {suite: tmp_path / suite for suite in SUITES}
        for folder in folders.values():
            folder.mkdir()
        async with (
            open_world(folders["orders"], **configurations["orders"]) as orders,
            open_world(folders["claims"], **configurations["claims"]) as claims,
        ):
            for world, suite in ((orders, "orders"), (claims, "claims")):
                await world.publish("work.quick", json.dumps({"of": suite}).encode(), Nats_Msg_Id=suite)
                await world.publish("work.quick", json.dumps({"of": suite}).encode(), Nats_Msg_Id="both")
            for world, suite in ((orders, "orders"), (claims, "claims")):
                runs = {f"Quick~{suite}", "Quick~both"}
                assert set(await world.completed(2, within=240)) == runs
                assert await runs_in_temporal(world) == runs
                assert await world.last("EVENTS") == 2
                assert [it async for it in world.bus.read("dlq.>")] == []


async def runs_in_temporal(world: World) -> set[str]:
    client = await open_client(discover(world.settings)[1])
    return {run.id async for run in client.list_workflows("WorkflowType = 'Quick'")}
