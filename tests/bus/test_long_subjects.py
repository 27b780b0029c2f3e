"""No subject ends the connection of a publisher or reader, however long the id in it is."""

import pytest

from perdure.bus import RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.contracts import to_token
from perdure.errors import InvalidMessage, Unavailable
from tests.support.facts import fact

LONG = to_token("." * 3_000)


async def test_a_long_subject_is_refused_and_the_connection_stays(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")

        with pytest.raises(InvalidMessage, match="at most 3500 are published"):
            await bus.publish_raw(RawMessage(f"receipts.{LONG}", b"{}", {}))
        assert await bus.last(f"receipts.{LONG}") is None
        assert [message async for message in bus.read(f"receipts.{LONG}")] == []
        with pytest.raises(Unavailable):
            await bus.request(f"queries.{LONG}", b"")
        with pytest.raises(InvalidMessage, match="with its headers"):
            await bus.publish_raw(RawMessage("events.a", b"x" * 1_048_500, {"h": "y" * 200}))

        assert await bus.publish(fact(1)) == 1, "the connection is the same one"
        assert bus.js._nc.stats["reconnects"] == 0  # noqa: SLF001 (the only count of lost connections)
