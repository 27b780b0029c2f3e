"""A signal counts once, also before its run has begun and when it is redelivered."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError

from perdure.approvers import ApproversFile
from perdure.bus import MemoryKeyValue, RawMessage, StoredMessage
from perdure.bus.views.recorded_approvers import RecordedApprovers
from perdure.bus.views.start_ledger import StartLedger
from perdure_orchestrator.bridge import Bridge
from perdure_orchestrator.registry import Registry
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


async def test_signals_before_the_start_and_redelivered_signals_count_once(world: OpenWorld) -> None:
    async with world(routes=[{"on": "tally.begun", "start": "Tally"}]) as live:
        for _ in range(10):
            await live.bus.publish_raw(RawMessage("signals.Tally=7Eone.add", b"1", {}))
        await live.publish("tally.begun", b"{}", Nats_Msg_Id="one")
        temporal = await Client.connect(live.suite.endpoints.temporal)
        await begun(temporal)
        bridge = Bridge(
            temporal,
            live.bus,
            StartLedger(MemoryKeyValue()),
            registry=Registry({}, ()),
            approvers=RecordedApprovers(ApproversFile(live.settings.approvers_file), live.bus),
            entries=MemoryKeyValue(),
            settings=live.settings.temporal,
        )
        redelivered = StoredMessage(
            RawMessage("signals.Tally=7Eone.add", b"100", {}), "SIGNALS", 99, datetime.now(UTC), 0
        )
        before = replace(redelivered, stored_at=redelivered.stored_at - timedelta(seconds=1))
        for signal in (before, redelivered, before, redelivered):  # the stream was made anew in between
            await bridge.signal(signal)
        await live.bus.publish_raw(RawMessage("signals.Tally=7Eone.stop", b"", {}))
        facts = await live.completed(1)

    assert facts["Tally~one"][-1].result == 210


async def begun(temporal: Client) -> None:
    """Wait until the run has received the ten early signals."""
    while True:
        try:
            history = await temporal.get_workflow_handle("Tally~one").fetch_history()
        except RPCError:
            await asyncio.sleep(0.1)
            continue
        if sum(it.HasField("workflow_execution_signaled_event_attributes") for it in history.events) == 10:
            return
        await asyncio.sleep(0.1)
