"""NATS refuses a message that was to follow another one than the newest of its subject."""

import pytest

from perdure.bus import RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable


def message(after: int) -> RawMessage:
    return RawMessage("progress.W.w", b"{}", {"Nats-Expected-Last-Subject-Sequence": str(after)})


async def test_a_message_that_expects_another_one_before_it_is_not_stored(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        first = await bus.publish_raw(message(0))
        second = await bus.publish_raw(message(first))
        with pytest.raises(Unavailable):
            await bus.publish_raw(message(first))

        newest = await bus.last("progress.W.w")

    assert newest is not None
    assert newest.sequence == second
