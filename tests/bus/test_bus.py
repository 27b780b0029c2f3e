"""Both adapters of the port behave in the same way; then what only a real server can show."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import nats
import pytest

from perdure.bus import Bus, RawMessage, StoredMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.config.settings import NatsSettings
from perdure.errors import DeleteRefused
from tests.support.facts import fact


async def take(count: int, messages: AsyncIterator[StoredMessage]) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    async with asyncio.timeout(5):
        async for message in messages:
            found.append(message)
            if len(found) == count:
                break
    return found


async def test_messages_are_received_in_the_order_of_publication(bus: Bus) -> None:
    facts = [fact(number) for number in range(1, 4)]
    for one in facts:
        await bus.publish(one)

    received = await take(3, bus.subscribe("progress.>", replay=True))

    assert [decode(message.raw) for message in received] == facts
    assert [(message.stream, message.sequence) for message in received] == [
        ("PROGRESS", 1),
        ("PROGRESS", 2),
        ("PROGRESS", 3),
    ]


async def test_a_message_is_got_by_its_place_as_the_server_stores_it(bus: Bus) -> None:
    await bus.publish(fact(1))
    sequence = await bus.publish(fact(2))
    (_, stored) = await take(2, bus.subscribe("progress.>", replay=True))

    got = await bus.get("PROGRESS", sequence)

    assert got is not None
    assert (got.raw.subject, got.raw.body, got.stream) == (stored.raw.subject, stored.raw.body, "PROGRESS")
    assert (got.sequence, got.stored_at) == (sequence, stored.stored_at)
    await bus.delete("PROGRESS", sequence)
    assert await bus.get("PROGRESS", sequence) is None


async def test_a_fact_published_twice_is_stored_once(bus: Bus) -> None:
    await bus.publish(fact(1))
    await bus.publish(fact(1))

    assert len([one async for one in bus.read("progress.>")]) == 1


async def test_a_subscription_without_replay_receives_only_new_messages(bus: Bus) -> None:
    await bus.publish(fact(1))
    receiving = asyncio.create_task(take(1, bus.subscribe("progress.>")))
    await asyncio.sleep(0.3)  # nothing shows when the subscription exists
    await bus.publish(fact(2))

    (received,) = await receiving

    assert decode(received.raw) == fact(2)


async def test_reading_yields_all_stored_messages_and_ends(bus: Bus) -> None:
    assert [one async for one in bus.read("progress.>")] == []
    for number in range(1, 301):
        await bus.publish(fact(number))

    assert len([one async for one in bus.read("progress.W.r")]) == 300
    assert [one async for one in bus.read("progress.W.other")] == []


async def test_reading_yields_all_messages_though_its_consumer_is_deleted_meanwhile(
    nats_settings: NatsSettings,
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        for number in range(1, 301):
            await bus.publish(fact(number))
        received: list[StoredMessage] = []
        async for message in bus.read("progress.>"):
            if not received:
                for consumer in await bus.js.consumers_info("PROGRESS"):
                    await bus.js.delete_consumer("PROGRESS", consumer.name)
            received.append(message)

    assert [message.sequence for message in received] == list(range(1, 301))


async def test_the_newest_message_of_each_subject_can_be_read(bus: Bus) -> None:
    for one in (fact(1, "a"), fact(1, "b"), fact(2, "a")):
        await bus.publish(one)

    newest = [decode(one.raw) async for one in bus.read("progress.>", last_only=True)]

    assert newest == [fact(1, "b"), fact(2, "a")]


async def test_the_newest_message_of_one_subject_can_be_read(bus: Bus) -> None:
    for one in (fact(1, "a"), fact(2, "a"), fact(3, "b")):
        await bus.publish(one)

    (newest,) = [one async for one in bus.read(fact(1, "a").subject, last_only=True)]
    nothing = [one async for one in bus.read("progress.w.nobody", last_only=True)]

    assert (decode(newest.raw), newest.sequence, nothing) == (fact(2, "a"), 2, [])


async def test_body_and_headers_are_stored_unchanged(bus: Bus) -> None:
    raw = RawMessage("events.a.b", b"\x00\xff{", {"Nats-Msg-Id": "x", "my-header": "value"})
    sequence = await bus.publish_raw(raw)

    (stored,) = [one async for one in bus.read("events.>")]

    assert sequence == stored.sequence == 1
    assert stored.raw.body == raw.body
    assert stored.raw.headers["my-header"] == "value"


async def test_queued_messages_are_found_in_order_counted_and_deleted(bus: Bus) -> None:
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
    for missing in (2, 2, 1, 1, 4):  # deleting a missing message is no error, also in the middle of a stream
        await bus.delete("WAITING", missing)
    assert await bus.count_by_subject("waiting.>") == {"waiting.start.r.3.a": 1}
    assert await bus.first("waiting.start.another.>") is None
    assert await bus.count_by_subject("waiting.start.another.>") == {}


async def test_a_stream_of_last_messages_keeps_only_the_newest_of_a_subject(bus: Bus) -> None:
    for number in range(3):
        await bus.publish_raw(RawMessage("latest.r.3.a", b"%d" % number, {}))

    kept = [message.raw.body async for message in bus.read("latest.>")]

    assert kept == [b"2"]


async def test_more_subjects_than_fit_on_one_page_of_the_server_are_counted(nats_settings: NatsSettings) -> None:
    many = 100_003
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        client = await nats.connect(nats_settings.servers[0])
        for number in range(many):
            await client.publish(f"approvals.requested.W.{number}", b"{}")
            if (
                number % 5_000 == 0 or number == many - 1
            ):  # JetStream drops messages that come faster than it stores them
                await client.flush()
                while (await bus.js.stream_info("APPROVALS")).state.messages <= number:
                    await asyncio.sleep(0.01)
        await client.close()

        found = await bus.count_by_subject("approvals.requested.>")

    assert len(found) == many
    assert set(found.values()) == {1}


async def test_a_stream_is_consumed_once_all_messages_of_that_time_are_settled(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "orchestrator")
        await bus.wait_until_consumed("orchestrator", "DECISIONS")
        for number in range(2):
            await bus.publish_raw(RawMessage(f"decisions.{number}", b"{}", {}))

        waiting = asyncio.create_task(bus.wait_until_consumed("orchestrator", "DECISIONS"))
        received = await (await bus.js.pull_subscribe_bind("orchestrator", stream="DECISIONS")).fetch(2, timeout=5)
        await received[1].ack_sync()  # the first is not settled yet
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await bus.publish_raw(RawMessage("decisions.later", b"{}", {}))
        await received[0].ack_sync()

        async with asyncio.timeout(5):
            await waiting


async def test_many_messages_are_got_by_one_request_as_they_are_stored(bus: Bus) -> None:
    for number in range(3):
        await bus.publish_raw(RawMessage(f"waiting.start.r.3.{number}", b"x" * number, {"a": "b"}))
    await bus.publish_raw(RawMessage("waiting.start.other.3.k", b"", {}))
    found = await bus.read_next("waiting.start.r.>", after=0, count=9)

    assert [replace(it, pending=0) for it in found] == [await bus.get("WAITING", sequence) for sequence in (1, 2, 3)]
    assert [it.pending for it in found] == [2, 1, 0]
    assert await bus.read_next("waiting.start.r.>", after=1, count=1) == found[1:2]
    assert await bus.read_next("waiting.start.r.>", after=3, count=9) == []


async def test_the_newest_messages_of_many_subjects_are_got_by_one_request(bus: Bus) -> None:
    for number in range(4):
        await bus.publish_raw(RawMessage(f"waiting.start.r.3.{number % 2}", f"{number}".encode(), {}))
    subjects = [f"waiting.start.r.3.{key}" for key in ("0", "1", "none")]

    assert [it.raw.body for it in await bus.last_of(subjects)] == [b"2", b"3"]
    assert await bus.last_of(subjects[2:]) == []


async def test_a_subscription_begins_after_a_sequence_and_may_leave_the_bodies_out(bus: Bus) -> None:
    for number in range(3):
        await bus.publish_raw(RawMessage(f"waiting.start.r.3.{number}", b"body", {}))
    async with asyncio.timeout(10):
        async for message in bus.subscribe("waiting.start.r.>", after=1, bodies=False):
            assert (message.sequence, message.raw.body) == (2, b"")
            break


async def test_the_time_of_the_server_is_that_of_its_messages(bus: Bus) -> None:
    before = await bus.server_time()
    sequence = await bus.publish_raw(RawMessage("waiting.start.r.3.k", b"", {}))
    message = await bus.get("WAITING", sequence)
    assert message is not None

    assert before <= message.stored_at <= await bus.server_time()


async def test_a_delete_that_the_stream_denies_is_not_taken_for_done(nats_settings: NatsSettings) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        sequence = await bus.publish_raw(RawMessage("waiting.start.r.3.k", b"{}", {}))
        config = (await bus.js.stream_info("WAITING")).config
        await bus.js.update_stream(replace(config, deny_delete=True))

        for act in (bus.delete, bus.erase):
            with pytest.raises(DeleteRefused, match=f"cannot delete message {sequence} of WAITING: .*not permitted"):
                await act("WAITING", sequence)
        assert await bus.get("WAITING", sequence) is not None
