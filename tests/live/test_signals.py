"""A signal counts once: before its run has begun, and when it is delivered again."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError

from perdure.approvers import ApproversFile
from perdure.bus import MemoryKeyValue, RawMessage, StoredMessage
from perdure.bus.views.start_ledger import StartLedger
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


async def test_signals_before_the_start_and_signals_delivered_twice_count_once(world: OpenWorld) -> None:
    async with world(routes=[{"on": "tally.begun", "start": "Tally"}]) as here:
        for _ in range(10):
            await here.bus.publish_raw(RawMessage("signals.Tally-one.add", b"1", {}))
        await here.publish("tally.begun", b"{}", Nats_Msg_Id="one")
        temporal = await Client.connect(here.suite.endpoints.temporal)
        await begun(temporal)
        bridge = Bridge(
            temporal,
            here.bus,
            StartLedger(MemoryKeyValue()),
            registry=Registry({}, ()),
            approvers=ApproversFile(here.settings.approvers_file),
            settings=here.settings.temporal,
        )
        again = StoredMessage(RawMessage("signals.Tally-one.add", b"100", {}), "SIGNALS", 99, datetime.now(UTC), 0)
        for _ in range(3):
            await bridge.signal(again)
        await here.bus.publish_raw(RawMessage("signals.Tally-one.stop", b"", {}))
        facts = await here.completed(1)

    assert facts["Tally-one"][-1].result == 110


async def begun(temporal: Client) -> None:
    """Wait until the ten early signals have found their run."""
    while True:
        try:
            history = await temporal.get_workflow_handle("Tally-one").fetch_history()
        except RPCError:
            await asyncio.sleep(0.1)
            continue
        if sum(it.HasField("workflow_execution_signaled_event_attributes") for it in history.events) == 10:
            return
        await asyncio.sleep(0.1)
