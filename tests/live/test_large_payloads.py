"""Payloads too large for Temporal are stored in the object store, whatever is killed meanwhile."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from temporalio.client import Client

from perdure.bus import NatsObjects, RawMessage
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.flow.payload_store import PAYLOADS, payload_storage
from tests.support.command_line import perdure_of
from tests.support.suite import World, gaps

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]

ROUTES = [{"on": "work.large", "start": "Large"}]
RUN = "Large~l1"
SIZE = 10_000_000  # bytes; Temporal takes 2 MiB, NATS 1 MiB
LARGEST_HISTORY = 64 * 1024  # bytes


async def test_ten_megabytes_pass_from_step_to_step_outside_temporals_history(world: OpenWorld) -> None:
    async with world(routes=ROUTES) as live:
        await live.publish("work.large", b'{"size": %d}' % SIZE, Nats_Msg_Id="l1")
        for step, victim in enumerate(("nats", "orchestrator")):
            async with asyncio.timeout(60):
                while not live.log.exists() or step not in live.executions().get(RUN, []):
                    await asyncio.sleep(0.05)
            live.suite.supervisor.kill(victim)
            await live.suite.supervisor.ready(victim)
        await live.bus.publish_raw(RawMessage(f"signals.{RUN}.go", b"", {}))
        facts = await live.completed(1)
        temporal = await client(live)
        history = await temporal.get_workflow_handle(RUN).fetch_history()
        printed = await perdure_of(live.settings.state, "result", RUN)
        result = await temporal.get_workflow_handle(RUN).result()

    assert (printed.returncode, "The result cannot be published" in printed.stderr) == (1, True)
    assert result == "large" * (SIZE // 5)
    assert sum(event.ByteSize() for event in history.events) < LARGEST_HISTORY
    assert [event.event_id for event in history.events if b"largelarge" in event.SerializeToString()] == []
    steps = live.executions()[RUN]
    assert sorted(steps) == steps
    assert set(steps) == {0, 1, 2}
    assert gaps(facts[RUN]) == set()
    assert facts[RUN][-1].result is None
    assert "The result cannot be published" in str(facts[RUN][-1].error)


async def client(live: World) -> Client:
    """Connect with the payload store of the orchestrator."""
    host, _, port = live.suite.endpoints.temporal.rpartition(":")
    storage = payload_storage(NatsObjects(live.bus.js, PAYLOADS), 256 * 1024)
    return await open_client(TemporalSettings(host=host, port=int(port)), storage=storage)
