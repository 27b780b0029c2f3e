"""From an event to its commands, once each, wherever ingest dies between hearing and acknowledging."""

import itertools

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.bus.settlement import settle
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import StartWorkflow
from tests.support.deliveries import Delivered
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.ingest import create_ingest

SETTINGS = Settings(routes=(Route(on="said", start="Echo"), Route(on="said", start="Count")))


async def test_wherever_ingest_dies_the_next_delivery_makes_it_one_command_a_route() -> None:
    for number in itertools.count(1):
        bus, fuse = MemoryBus(), Fuse(number)
        delivery = Delivered()
        delivery.message = await published(bus)
        dying, _ = create_ingest(SETTINGS, Fused(bus, fuse)).subscriptions
        healthy, _ = create_ingest(SETTINGS, bus).subscriptions
        try:
            await settle(Fused(delivery, fuse), dying.handle, bus=bus, service="ingest")
        except Killed:
            if not delivery.settled:
                await settle(delivery, healthy.handle, bus=bus, service="ingest")

        assert [it.workflow_id for it in bus.published if isinstance(it, StartWorkflow)] == ["Echo-one", "Count-one"]
        assert delivery.settled == ["ack"]
        if fuse.left > 0:
            break
    assert number == 7, "two commands and an acknowledgement, each with a spark before and after"


async def published(bus: MemoryBus) -> StoredMessage:
    await bus.publish_raw(RawMessage("events.said", b"{}", {"Nats-Msg-Id": "one"}))
    return await anext(bus.read("events.said"))
