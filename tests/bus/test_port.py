import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import nats

from perdure.bus import Bus, RawMessage, StoredMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.contracts import Progress

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def fact(sequence: int, run: str = "r") -> Progress:
    return Progress(workflow="W", workflow_id=run, run_id=run, sequence=sequence, kind="note", at=NOW)


async def first(count: int, messages: AsyncIterator[StoredMessage]) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    async with asyncio.timeout(5):
        async for heard in messages:
            found.append(heard)
            if len(found) == count:
                break
    return found


async def test_what_is_said_is_heard_in_order(bus: Bus) -> None:
    facts = [fact(number) for number in range(1, 4)]
    for one in facts:
        await bus.publish(one)

    heard = await first(3, bus.subscribe("progress.>", replay=True))

    assert [decode(one.raw) for one in heard] == facts
    assert [(one.stream, one.sequence) for one in heard] == [("PROGRESS", 1), ("PROGRESS", 2), ("PROGRESS", 3)]


async def test_the_same_fact_said_twice_is_stored_once(bus: Bus) -> None:
    await bus.publish(fact(1))
    await bus.publish(fact(1))

    assert len([one async for one in bus.read("progress.>")]) == 1


async def test_who_listens_from_now_on_hears_only_what_comes(bus: Bus) -> None:
    await bus.publish(fact(1))
    listening = asyncio.create_task(first(1, bus.subscribe("progress.>")))
    await asyncio.sleep(0.3)  # a subscription says nothing when it stands
    await bus.publish(fact(2))

    (heard,) = await listening

    assert decode(heard.raw) == fact(2)


async def test_who_recalls_hears_all_and_comes_to_an_end(bus: Bus) -> None:
    assert [one async for one in bus.read("progress.>")] == []
    for number in range(1, 301):
        await bus.publish(fact(number))

    assert len([one async for one in bus.read("progress.W.r")]) == 300
    assert [one async for one in bus.read("progress.W.other")] == []


async def test_who_recalls_hears_all_though_the_consumer_is_lost_on_the_way(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        for number in range(1, 301):
            await bus.publish(fact(number))
        recalled: list[StoredMessage] = []
        async for heard in bus.read("progress.>"):
            if not recalled:
                for consumer in await bus.js.consumers_info("PROGRESS"):
                    await bus.js.delete_consumer("PROGRESS", consumer.name)
            recalled.append(heard)

    assert [heard.sequence for heard in recalled] == list(range(1, 301))


async def test_the_newest_of_each_subject_can_be_recalled(bus: Bus) -> None:
    for one in (fact(1, "a"), fact(1, "b"), fact(2, "a")):
        await bus.publish(one)

    newest = [decode(one.raw) async for one in bus.read("progress.>", last_only=True)]

    assert newest == [fact(1, "b"), fact(2, "a")]


async def test_the_newest_of_one_subject_can_be_recalled(bus: Bus) -> None:
    for one in (fact(1, "a"), fact(2, "a"), fact(3, "b")):
        await bus.publish(one)

    (newest,) = [one async for one in bus.read(fact(1, "a").subject, last_only=True)]
    nothing = [one async for one in bus.read("progress.w.nobody", last_only=True)]

    assert (decode(newest.raw), newest.sequence, nothing) == (fact(2, "a"), 2, [])


async def test_bytes_arrive_as_they_were(bus: Bus) -> None:
    wire = RawMessage("events.a.b", b"\x00\xff{", {"Nats-Msg-Id": "x", "my-header": "value"})
    place = await bus.publish_raw(wire)

    (heard,) = [one async for one in bus.read("events.>")]

    assert place == heard.sequence == 1
    assert heard.raw.body == wire.body
    assert heard.raw.headers["my-header"] == "value"


async def test_what_waits_is_found_in_order_counted_and_taken_out(bus: Bus) -> None:
    for number, subject in enumerate(["waiting.start.r.3.a", "waiting.start.r.3.b", "waiting.start.r.3.a"]):
        await bus.publish_raw(RawMessage(subject, b"%d" % number, {"Nats-Msg-Id": f"w{number}"}))

    first = await bus.first("waiting.start.r.3.a")
    assert first is not None
    assert (first.sequence, first.raw.body, first.raw.headers["Nats-Msg-Id"]) == (1, b"0", "w0")
    assert (datetime.now(UTC) - first.stored_at).total_seconds() < 60
    second = await bus.first("waiting.start.r.>", after=1)
    assert second is not None
    assert second.raw.subject == "waiting.start.r.3.b"
    assert await bus.count_by_subject("waiting.>") == {"waiting.start.r.3.a": 2, "waiting.start.r.3.b": 1}
    for _ in range(2):  # who comes second finds it gone, and that is well
        await bus.delete("WAITING", 1)
    assert await bus.count_by_subject("waiting.>") == {"waiting.start.r.3.a": 1, "waiting.start.r.3.b": 1}
    assert await bus.first("waiting.start.another.>") is None
    assert await bus.count_by_subject("waiting.start.another.>") == {}


async def test_of_what_only_the_newest_counts_it_is_the_newest_that_is_kept(bus: Bus) -> None:
    for number in range(3):
        await bus.publish_raw(RawMessage("latest.r.3.a", b"%d" % number, {}))

    kept = [heard.raw.body async for heard in bus.read("latest.>")]

    assert kept == [b"2"]


async def test_more_subjects_than_the_server_names_at_a_time_are_counted(nats_settings: NatsSettings) -> None:
    many = 100_003
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        client = await nats.connect(nats_settings.servers[0])
        for number in range(many):
            await client.publish(f"approvals.requested.W.{number}", b"{}")
            if number % 5_000 == 0 or number == many - 1:  # JetStream drops what comes faster than it stores
                await client.flush()
                while (await bus.js.stream_info("APPROVALS")).state.messages <= number:
                    await asyncio.sleep(0.01)
        await client.close()

        found = await bus.count_by_subject("approvals.requested.>")

    assert len(found) == many
    assert set(found.values()) == {1}


async def test_a_service_has_caught_up_once_all_that_lay_there_is_settled(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "orchestrator")
        await bus.wait_until_consumed("orchestrator", "DECISIONS")
        for number in range(2):
            await bus.publish_raw(RawMessage(f"decisions.{number}", b"{}", {}))

        catching_up = asyncio.create_task(bus.wait_until_consumed("orchestrator", "DECISIONS"))
        heard = await (await bus.js.pull_subscribe_bind("orchestrator", stream="DECISIONS")).fetch(2, timeout=5)
        await heard[1].ack_sync()  # the first one is still in hand
        await asyncio.sleep(0.2)
        assert not catching_up.done()
        await bus.publish_raw(RawMessage("decisions.later", b"{}", {}))
        await heard[0].ack_sync()

        async with asyncio.timeout(5):
            await catching_up
