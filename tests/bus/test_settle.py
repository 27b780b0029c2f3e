from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from perdure.bus import MemoryBus, RawMessage, StoredMessage
from perdure.bus.settlement import backoff_seconds, settle
from perdure.contracts import DeadLetter, Message
from perdure.errors import InvalidMessage, Unavailable


@dataclass
class Delivered:
    """A delivery that remembers how it was settled."""

    deliveries: int = 1
    settled: list[str] = field(default_factory=list)
    message: StoredMessage = field(
        default_factory=lambda: StoredMessage(
            RawMessage("events.a", b"\xff{", {"h": "v"}), "EVENTS", 7, datetime(2026, 11, 23, tzinfo=UTC), pending=0
        )
    )

    async def ack(self) -> None:
        self.settled.append("ack")

    async def nak(self, delay: float) -> None:
        assert delay > 0
        self.settled.append("nak")

    async def term(self) -> None:
        self.settled.append("term")


class DeafBus(MemoryBus):
    """A bus that is down."""

    async def publish(self, message: Message) -> int:  # noqa: ARG002 (it is deaf)
        raise Unavailable("down")


async def settled(error: Exception | None, *, deliveries: int = 1, bus: MemoryBus | None = None) -> list[str]:
    async def handle(_: StoredMessage) -> None:
        if error is not None:
            raise error

    delivery = Delivered(deliveries)
    await settle(delivery, handle, bus=bus or MemoryBus(), service="ingest")
    return delivery.settled


async def test_what_was_handled_is_acknowledged() -> None:
    assert await settled(None) == ["ack"]


async def test_what_the_world_prevents_is_tried_again_later() -> None:
    assert await settled(Unavailable("down"), deliveries=1_000) == ["nak"]


async def test_what_the_sender_did_wrong_becomes_one_dead_letter_with_all_that_is_needed() -> None:
    bus = MemoryBus()

    assert await settled(InvalidMessage("not_json", "at line 1"), bus=bus) == ["term"]

    (letter,) = bus.published
    assert isinstance(letter, DeadLetter)
    assert (letter.service, letter.reason, letter.detail) == ("ingest", "not_json", "at line 1")
    assert (letter.original_subject, letter.stream, letter.stream_sequence) == ("events.a", "EVENTS", 7)
    assert (letter.body, letter.headers) == (b"\xff{", {"h": "v"})


async def test_a_message_is_kept_until_its_dead_letter_is_stored() -> None:
    assert await settled(InvalidMessage("not_json", ""), bus=DeafBus()) == ["nak"]


@pytest.mark.parametrize(("deliveries", "fate"), [(1, "nak"), (4, "nak"), (5, "term")])
async def test_a_defect_of_ours_is_tried_a_few_times_and_then_kept_for_people(deliveries: int, fate: str) -> None:
    assert await settled(ZeroDivisionError(), deliveries=deliveries) == [fate]


@pytest.mark.parametrize("tries", [1, 5, 50, 5_000])
def test_the_wait_is_never_nothing_and_never_without_end(tries: int) -> None:
    assert 0 < backoff_seconds(tries) <= 30
