"""Of two processes of a service, the one on duty takes the messages; the duty changes hands and no message is lost."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from perdure.bus import NatsKeyValue, RawMessage, StoredMessage, connect
from perdure.bus.app import App, Ordered, Subscription
from perdure.bus.duty import Duty
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.lease import Lease, Leases
from perdure.config.settings import NatsSettings

COUNT = 60


@pytest.mark.parametrize("keeps_order", [False, True])
async def test_what_is_in_hand_is_finished_and_all_that_follows_goes_to_the_next(
    nats_settings: NatsSettings, keeps_order: bool
) -> None:
    handled: dict[str, list[int]] = {"old": [], "new": []}
    old, new = Duty(), Duty(on=False)

    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "orchestrator")

        def app(name: str, duty: Duty) -> App:
            async def handle(message: StoredMessage) -> None:
                await asyncio.sleep(0.02)
                handled[name].append(message.sequence)
                if len(handled["old"]) == COUNT // 4:
                    old.set(on=False)
                    new.set(on=True)

            leases = Leases(NatsKeyValue(bus.js, "BRIDGE"), name, Lease, duration=timedelta(seconds=10))
            ordered = Ordered(lambda _: ("lane",), leases) if keeps_order else None
            return App("orchestrator", [Subscription("SIGNALS", handle, concurrency=4, ordered=ordered)], duty=duty)

        async with (
            subscribed(app("old", old), bus, nats_settings, CollectorRegistry()),
            subscribed(app("new", new), bus, nats_settings, CollectorRegistry()),
            asyncio.timeout(60),
        ):
            for number in range(COUNT):
                await bus.publish_raw(RawMessage(f"signals.run.{number}", b"", {}))
            await bus.wait_until_consumed("orchestrator", "SIGNALS")

    assert Counter(handled["old"] + handled["new"]) == Counter(range(1, COUNT + 1))
    assert len(handled["old"]) < COUNT // 2
    assert max(handled["new"]) == COUNT
