"""FastStream and JetStream carry out what ``settle`` decides, on a real server."""

import asyncio
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest

from perdure.bus import Heard, connect, decode
from perdure.bus.app import Answers, App, Hears
from perdure.bus.hearing import hearing
from perdure.bus.topology import declare
from perdure.contracts import ApprovalRequested, DeadLetter
from perdure.errors import InvalidMessage, Unavailable
from perdure.settings import NatsSettings
from tests.unit.flow.test_inbox import REQUEST

NOW = datetime(2026, 11, 23, tzinfo=UTC)


async def test_a_message_is_delivered_again_until_it_is_handled_and_then_never_more(
    nats_settings: NatsSettings,
) -> None:
    tried = asyncio.Queue[Heard]()

    async def handle(heard: Heard) -> None:
        await tried.put(heard)
        if tried.qsize() < 3:
            raise Unavailable("not yet")

    registry = CollectorRegistry()
    async with connect(nats_settings, source="perdure/test") as bus:
        await declare(bus.js, "notifier")
        await bus.say(REQUEST)
        async with (
            hearing(App("notifier", [Hears("APPROVALS", handle)]), bus, nats_settings, registry),
            asyncio.timeout(10),
        ):
            while tried.qsize() < 3:
                await asyncio.sleep(0.01)
            while (await bus.js.consumer_info("APPROVALS", "notifier")).num_ack_pending:
                await asyncio.sleep(0.01)

    assert decode((await tried.get()).wire) == REQUEST
    assert 'perdure_messages_total{stream="APPROVALS"} 3.0' in generate_latest(registry).decode()


async def test_a_wrong_message_ends_as_one_dead_letter(nats_settings: NatsSettings) -> None:
    async def handle(_: Heard) -> None:
        raise InvalidMessage("bad_message", "because")

    async with connect(nats_settings, source="perdure/test") as bus:
        await declare(bus.js, "notifier")
        await bus.say(REQUEST)
        app = App("notifier", [Hears("APPROVALS", handle)])
        async with hearing(app, bus, nats_settings, CollectorRegistry()), asyncio.timeout(10):
            async for heard in bus.listen("dlq.>", replay=True):
                letter = decode(heard.wire)
                break

    assert isinstance(letter, DeadLetter)
    assert ApprovalRequested.model_validate_json(letter.body or b"") == REQUEST


async def test_a_question_is_answered(nats_settings: NatsSettings) -> None:
    async def shout(question: bytes) -> bytes:
        return question.upper()

    async with connect(nats_settings, source="perdure/test") as bus:
        app = App("audit", [], [Answers("queries.test", shout)])
        async with hearing(app, bus, nats_settings, CollectorRegistry()):
            assert await bus.ask("queries.test", b"hello") == b"HELLO"
