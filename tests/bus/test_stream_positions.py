"""A stream is read by range, from its newest message, by time, and by the newest of each subject."""

import asyncio
from datetime import UTC, datetime, timedelta

from perdure.bus import Bus, RawMessage, StoredMessage, decode
from perdure.bus.views.newest import newest_headers
from tests.support.facts import fact

MILLISECOND = timedelta(milliseconds=1)


async def sequences(bus: Bus, subject: str, first: int, last: int) -> list[int]:
    return [message.sequence async for message in bus.read_range(subject, first=first, last=last)]


async def test_a_range_is_read_in_order_and_only_where_the_subject_matches(bus: Bus) -> None:
    for number in range(1, 601):
        await bus.publish(fact(number, "ab"[number % 2]))

    assert await sequences(bus, "progress.>", 2, 599) == list(range(2, 600))
    assert await sequences(bus, "progress.W.a", 1, 6) == [2, 4, 6]
    assert await sequences(bus, "progress.W.a", 7, 7) == []
    assert await sequences(bus, "progress.>", 601, 700) == []
    assert await sequences(bus, "progress.>", 5, 4) == []
    assert await sequences(bus, "progress.W.other", 1, 600) == []


async def test_without_bodies_the_headers_are_read(bus: Bus) -> None:
    await bus.publish(fact(1))

    (read,) = [message async for message in bus.read_range("progress.>", first=1, last=1, bodies=False)]

    assert (read.raw.body, read.raw.headers["Nats-Msg-Id"]) == (b"", "r.1.1.note")


async def test_the_newest_message_of_a_pattern_is_found(bus: Bus) -> None:
    assert await bus.last("progress.>") is None
    for one in (fact(1, "a"), fact(2, "a"), fact(1, "b")):
        await bus.publish(one)

    last_of = {pattern: await bus.last(pattern) for pattern in ("progress.>", "progress.*.a", "progress.W.none")}

    found = {pattern: message and (message.sequence, decode(message.raw)) for pattern, message in last_of.items()}
    assert found == {"progress.>": (3, fact(1, "b")), "progress.*.a": (2, fact(2, "a")), "progress.W.none": None}


async def test_the_first_message_since_a_time_is_found(bus: Bus) -> None:
    for number in (1, 2):
        await bus.publish(fact(number))
        await asyncio.sleep(0.01)
    stored = [message async for message in bus.read("progress.>")]

    since = [await bus.first_since("progress.>", message.stored_at - MILLISECOND) for message in stored]

    assert [message and message.sequence for message in since] == [1, 2]
    assert await bus.first_since("progress.>", datetime.now(UTC) + timedelta(hours=1)) is None
    assert await bus.first_since("progress.W.other", stored[0].stored_at) is None


async def test_the_newest_headers_of_each_subject_are_read_in_order(bus: Bus) -> None:
    for one in (fact(1, "a"), fact(1, "b"), fact(2, "a")):
        await bus.publish(one)

    newest = [message async for message in bus.read_newest_headers("progress.>")]

    assert [(it.sequence, it.raw.subject, it.raw.body) for it in newest] == [
        (2, "progress.W.b", b""),
        (3, "progress.W.a", b""),
    ]
    assert [it async for it in bus.read_newest_headers("progress.W.other")] == []


async def test_all_messages_come_newest_first_whatever_is_missing_between(bus: Bus) -> None:
    for number in range(1, 901):
        await bus.publish(fact(number))
    for number in (1, 2, 300, 899):
        await bus.delete("PROGRESS", number)

    async def read(before: int | None = None) -> list[int]:
        return [message.sequence async for message in newest_headers(bus, "progress.>", before=before)]

    everything = [number for number in range(900, 0, -1) if number not in {1, 2, 300, 899}]
    assert await read() == everything
    assert await read(before=301) == [number for number in everything if number < 301]
    assert await read(before=3) == []


async def test_the_second_message_with_an_id_is_called_a_duplicate(bus: Bus) -> None:
    async def store(body: bytes) -> tuple[int, bool]:
        stored = await bus.store(RawMessage("events.a", body, {"Nats-Msg-Id": "1"}))
        return stored.sequence, stored.duplicate

    assert [await store(b"{}"), await store(b"[]")] == [(1, False), (1, True)]
    kept: list[StoredMessage] = [message async for message in bus.read("events.>")]
    assert [message.raw.body for message in kept] == [b"{}"]
