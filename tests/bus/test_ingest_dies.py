"""An event becomes each of its commands and one verdict, wherever ingest dies before it acknowledges the event."""

import itertools

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.bus.settlement import settle
from perdure.config.routes import Route
from perdure.config.settings import Settings
from perdure.contracts import EventVerdict, StartWorkflow
from tests.support.deliveries import Delivered
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.ingest import create_ingest

SETTINGS = Settings(routes=(Route(on="placed", start="Echo"), Route(on="placed", start="Count")))


async def test_wherever_ingest_dies_the_redelivery_makes_it_one_command_a_route() -> None:
    for number in itertools.count(1):
        bus, fuse = MemoryBus(), Fuse(number)
        delivery = Delivered()
        delivery.message = await publish_event(bus)
        dying, _ = create_ingest(SETTINGS, Fused(bus, fuse)).subscriptions
        healthy, _ = create_ingest(SETTINGS, bus).subscriptions
        try:
            await settle(Fused(delivery, fuse), dying.handle, bus=bus, service="ingest")
        except Killed:
            if not delivery.settled:
                await settle(delivery, healthy.handle, bus=bus, service="ingest")

        assert [it.workflow_id for it in bus.published if isinstance(it, StartWorkflow)] == ["Echo~one", "Count~one"]
        (verdict,) = [it for it in bus.published if isinstance(it, EventVerdict)]
        assert [(it.route, it.verdict) for it in verdict.routes] == [("Echo", "started"), ("Count", "started")]
        assert delivery.settled == ["ack"]
        if fuse.left > 0:
            break
    assert number == 9, "two commands, a verdict and an acknowledgement, each with a spark before and after"


async def publish_event(bus: MemoryBus) -> StoredMessage:
    await bus.publish_raw(RawMessage("events.placed", b"{}", {"Nats-Msg-Id": "one"}))
    return await anext(bus.read("events.placed"))
