"""Faults of ``perdure admin chaos`` on a real nats-server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.bus.permissions import nats_permissions
from perdure.bus.subject_patterns import matches
from perdure.chaos.asked import asked
from perdure.chaos.consumer import ConsumerLoss
from perdure.chaos.storing import stores_messages
from perdure.chaos.stream import StreamLoss
from perdure.chaos.strike import Strike
from perdure.config.settings import NatsSettings
from perdure.verify.deleted import read_deleted
from perdure.verify.streams import Streams


@pytest_asyncio.fixture
async def bus(nats_settings: NatsSettings) -> AsyncIterator[NatsBus]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        for service in ("orchestrator", "audit"):
            await provision(bus.js, service)
        yield bus


async def test_a_lost_consumer_is_waited_for_until_its_service_makes_it_again(bus: NatsBus) -> None:
    fault = ConsumerLoss(bus.js)
    assert {"EVENTS/ingest", "COMMANDS/orchestrator", "COMMANDS/audit"} < set(fault.targets)

    async with fault.struck(Strike("consumer", "COMMANDS/orchestrator", 0.0, 0.0)):
        gone = await asked(lambda: bus.js.consumer_info("COMMANDS", "orchestrator"))
        making = asyncio.create_task(provision(bus.js, "orchestrator"))
    await making

    assert gone is None
    assert await asked(lambda: bus.js.consumer_info("COMMANDS", "orchestrator")) is not None


async def test_what_a_lost_stream_held_is_kept_for_the_verifier(bus: NatsBus, tmp_path: Path) -> None:
    for number in range(3):
        await bus.publish_raw(RawMessage(f"commands.start.{number}", b'{"workflow_id": "P~%d"}' % number, {}))
    handled = await bus.js.pull_subscribe_bind("orchestrator", "COMMANDS")
    await (await handled.fetch(1))[0].ack_sync()

    async with StreamLoss(bus.js, tmp_path / "kept").struck(Strike("stream", "COMMANDS", 0.0, 0.0)):
        gone = await asked(lambda: bus.js.stream_info("COMMANDS"))
        making = asyncio.create_task(provision(bus.js, "orchestrator"))
    await making
    await bus.publish_raw(RawMessage("commands.start.9", b"{}", {}))

    (deleted,) = read_deleted(tmp_path / "kept")
    assert gone is None
    assert [it.subject for it in deleted.messages] == [f"commands.start.{number}" for number in range(3)]
    assert (deleted.last, len(deleted.missed("orchestrator")), len(deleted.missed("audit"))) == (3, 2, 3)


async def test_a_reader_begins_anew_with_a_stream_that_was_made_anew(bus: NatsBus) -> None:
    streams = Streams(bus.js)
    await bus.publish_raw(RawMessage("alerts.a.b", b"first", {}))
    await streams.read("ALERTS")
    await bus.js.delete_stream("ALERTS")
    await provision(bus.js, "audit")
    await bus.publish_raw(RawMessage("alerts.a.b", b"second", {}))
    await streams.read("ALERTS")

    assert [(it.stream, it.sequence) for it in streams.entries] == [("ALERTS", 1), ("ALERTS", 1)]


async def test_the_operator_can_see_whether_nats_stores_messages(bus: NatsBus) -> None:
    assert await stores_messages(bus.js)
    assert await stores_messages(bus.js)

    (subject,) = (await bus.js.stream_info("CHAOS")).config.subjects or [""]
    assert any(matches(pattern, subject) for pattern in nats_permissions("operator").publish_allow)
