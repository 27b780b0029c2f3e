"""``settle`` acks, naks or dead-dead_letters a message by what its handler raises."""

from datetime import UTC, datetime
from hashlib import sha256

import pytest

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.bus.settlement import backoff_seconds, settle
from perdure.contracts import DeadLetter, Message
from perdure.errors import InvalidMessage, Unavailable
from tests.support.deliveries import Delivered


class UnavailableBus(MemoryBus):
    """A bus that is down."""

    async def publish(self, message: Message) -> int:  # noqa: ARG002 (the port's signature)
        raise Unavailable("down")


async def settled(error: Exception | None, *, deliveries: int = 1, bus: MemoryBus | None = None) -> list[str]:
    async def handle(_: StoredMessage) -> None:
        if error is not None:
            raise error

    delivery = Delivered(deliveries)
    await settle(delivery, handle, bus=bus or MemoryBus(), service="ingest")
    return delivery.settled


async def test_a_handled_message_is_acked() -> None:
    assert await settled(None) == ["ack"]


async def test_a_message_is_redelivered_without_limit_while_a_dependency_is_unavailable() -> None:
    assert await settled(Unavailable("down"), deliveries=1_000) == ["nak"]


async def test_an_invalid_message_becomes_one_dead_letter_with_its_reason_origin_and_content() -> None:
    bus = MemoryBus()

    assert await settled(InvalidMessage("not_json", "at line 1"), bus=bus) == ["term"]

    (dead_letter,) = bus.published
    assert isinstance(dead_letter, DeadLetter)
    assert (dead_letter.service, dead_letter.reason, dead_letter.detail) == ("ingest", "not_json", "at line 1")
    assert (dead_letter.original_subject, dead_letter.stream, dead_letter.stream_sequence) == ("events.a", "EVENTS", 7)
    assert (dead_letter.body, dead_letter.headers) == (b"\xff{", {"h": "v"})


async def test_an_invalid_message_is_redelivered_until_its_dead_letter_is_stored() -> None:
    assert await settled(InvalidMessage("not_json", ""), bus=UnavailableBus()) == ["nak"]


@pytest.mark.parametrize(("deliveries", "settlement"), [(1, "nak"), (4, "nak"), (5, "term")])
async def test_an_unexpected_error_is_retried_four_times_and_then_dead_lettered(
    deliveries: int, settlement: str
) -> None:
    assert await settled(ZeroDivisionError(), deliveries=deliveries) == [settlement]


@pytest.mark.parametrize("tries", [1, 5, 50, 5_000])
def test_the_backoff_is_never_zero_and_never_above_thirty_seconds(tries: int) -> None:
    assert 0 < backoff_seconds(tries) <= 30


@pytest.mark.parametrize("body", [b"", b"x" * 300_000, b"\xff" * 512 * 1024, b"x" * 5_000_000])
@pytest.mark.parametrize("headers", [{}, {"ce-id": "i" * 60_000}, {f"h{n}": "\x01" * 5_000 for n in range(1_000)}])
async def test_the_dead_letter_of_any_message_has_a_size_that_nats_takes(body: bytes, headers: dict[str, str]) -> None:
    bus = MemoryBus()
    raw = RawMessage("events.a", body, headers)
    delivery = Delivered(message=StoredMessage(raw, "EVENTS", 7, datetime.now(UTC), pending=0))

    async def handle(_: StoredMessage) -> None:
        raise InvalidMessage("bad_data", "d\ud800" * 1_000_000)

    await settle(delivery, handle, bus=bus, service="ingest")

    (stored,) = [message async for message in bus.read("dlq.>")]
    (dead_letter,) = bus.published
    assert delivery.settled == ["term"]
    assert len(stored.raw.body) < 1024 * 1024
    assert isinstance(dead_letter, DeadLetter)
    assert (dead_letter.body_bytes, dead_letter.body_sha256) == (len(body), sha256(body).hexdigest())
    assert dead_letter.is_whole == (len(body) <= 512 * 1024 and len(headers) < 1_000)


async def test_where_nats_takes_little_the_dead_letter_has_place_sizes_and_digest_only() -> None:
    class Small(MemoryBus):
        """A bus with a small ``max_payload``."""

        async def publish(self, message: Message) -> int:
            if len(message.model_dump_json()) > 1024:
                raise InvalidMessage("too_large", "at most 1024 bytes")
            return await super().publish(message)

    bus = Small()
    raw = RawMessage("events.a", b"x" * 2000, {"h": "v"})
    delivery = Delivered(message=StoredMessage(raw, "EVENTS", 7, datetime.now(UTC), pending=0))

    async def handle(_: StoredMessage) -> None:
        raise InvalidMessage("bad_data", "d" * 10_000)

    await settle(delivery, handle, bus=bus, service="ingest")

    (dead_letter,) = bus.published
    assert delivery.settled == ["term"]
    assert isinstance(dead_letter, DeadLetter)
    assert (dead_letter.body, dead_letter.headers, dead_letter.is_whole) == (None, {}, False)
    assert (dead_letter.body_bytes, dead_letter.stream_sequence) == (2000, 7)
