"""An erasure says what a stream does not give up, leaves what came anew to a place, and waits for nobody else's."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio

from perdure.bus import MemoryKeyValue, NatsBus, RawMessage, connect
from perdure.bus.jetstream.provision import provision
from perdure.client.erasing import ContentBuckets, carry_out, finish
from perdure.config.settings import NatsSettings
from perdure.contracts import Erasure
from perdure.contracts.erasures import ERASE_RUN, EraseRecordsReply, EraseRunReply
from perdure.values.run_id import place_of

OPEN_RUN = "Order~open"


class Suite:
    """A bus on which the audit and the orchestrator answer."""

    def __init__(self, bus: NatsBus) -> None:
        self._bus = bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def request(self, subject: str, body: bytes) -> bytes:
        if subject == ERASE_RUN:
            is_open = json.loads(body)["workflow_id"] == OPEN_RUN
            reply = EraseRunReply(outcome="open" if is_open else "deleted", detail="It is open." if is_open else "")
            return reply.model_dump_json().encode()
        return EraseRecordsReply(erased=1).model_dump_json().encode()


@pytest_asyncio.fixture
async def suite(nats_settings: NatsSettings) -> AsyncIterator[Any]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        yield Suite(bus)


def state() -> ContentBuckets:
    return ContentBuckets(MemoryKeyValue(), MemoryKeyValue())


async def stored(suite: Any, body: bytes = b"{}") -> str:
    sequence = await suite.publish_raw(RawMessage("notifications.slack", body, {}))
    message = await suite.get("NOTIFICATIONS", sequence)
    return place_of("NOTIFICATIONS", sequence, message.stored_at)


async def ordered(suite: Any, id_: str, *places: str, runs: tuple[str, ...] = ()) -> tuple[int, Erasure]:
    server_time = await suite.server_time()
    leaves = tuple(range(len(places)))
    order = Erasure(
        act="ordered", id=id_, places=places, leaves=leaves, runs=runs, by="ada", why="asked", at=server_time
    )
    return await suite.publish(order), order


async def test_a_stream_that_denies_deletes_is_named_and_its_message_is_left(suite: Any) -> None:
    place = await stored(suite)
    config = (await suite.js.stream_info("NOTIFICATIONS")).config
    await suite.js.update_stream(replace(config, deny_delete=True))

    erased = await carry_out(suite, state(), *await ordered(suite, "e", place))

    assert erased.messages == 0
    assert erased.left == ["The message NOTIFICATIONS:1 is left: NATS denies to delete messages of this stream."]


async def test_another_message_at_the_place_of_a_stream_that_was_made_anew_is_left(suite: Any) -> None:
    place = await stored(suite)
    config = (await suite.js.stream_info("NOTIFICATIONS")).config
    await suite.js.delete_stream("NOTIFICATIONS")
    await suite.js.add_stream(config)
    await stored(suite, b"another")

    erased = await carry_out(suite, state(), *await ordered(suite, "e", place))

    assert (erased.messages, erased.left) == (0, [])
    assert (await suite.get("NOTIFICATIONS", 1)).raw.body == b"another"


async def test_an_order_whose_run_is_open_again_waits_alone(suite: Any) -> None:
    first, second = await stored(suite), await stored(suite)
    await ordered(suite, "a", first, runs=(OPEN_RUN,))
    await ordered(suite, "b", second, runs=("Order~closed",))

    for expected in ([["It is open"], []], [["It is open"]]):
        found = [erased async for _, erased in finish(suite, state())]
        assert [[words for words in ("It is open",) if words in str(it.left)] for it in found] == expected

    assert await suite.get("NOTIFICATIONS", 1) is not None
    assert await suite.get("NOTIFICATIONS", 2) is None


async def test_notices_that_still_wait_and_what_was_posted_go_too(suite: Any) -> None:
    kept = state()
    await suite.publish_raw(RawMessage("notices.slack.normal", b'{"workflow_id":"Order~1"}', {}))
    await suite.publish_raw(RawMessage("notices.slack.normal", b'{"workflow_id":"Order~11"}', {}))
    await kept.notices.put("slack.a.digest", b'{"approvals.requested.Order~1.1": []}')
    await kept.verifications.put("DECISIONS.7", b"{}")
    sequence = await suite.publish_raw(RawMessage("decisions.Order~1", b"{}", {}))
    message = await suite.get("DECISIONS", sequence)
    await kept.verifications.put(f"DECISIONS.{sequence}", b"{}")
    place = place_of("DECISIONS", sequence, message.stored_at)

    await carry_out(suite, kept, *await ordered(suite, "e", place, runs=("Order~1",)))

    assert [it.raw.body async for it in suite.read("notices.>")] == [b'{"workflow_id":"Order~11"}']
    assert await kept.notices.get("slack.a.digest") is None
    assert await kept.verifications.get(f"DECISIONS.{sequence}") is None
    assert await kept.verifications.get("DECISIONS.7") == b"{}", "that of another decision"
