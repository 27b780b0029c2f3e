"""What JetStream gives up for a consumer becomes one dead letter, as a real server says it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, StoredMessage, connect, decode
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.cli.dead_letters import Choice, resend_dead_letters
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import DeadLetter
from perdure.errors import InvalidMessage
from perdure_audit.app import create_app
from perdure_audit.store import open_store
from tests.support.approval_requests import REQUEST
from tests.support.facts import fact


async def test_a_message_that_somebodys_consumer_gave_up_becomes_one_letter_with_all_that_is_needed(
    nats_settings: NatsSettings, tmp_path: Path
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "audit")
        await bus.publish(fact(1))
        await parked(bus, "bot", times=2)
        await refused(bus, "other_bot")
        async with audit(bus, nats_settings, tmp_path):
            letters = {letter.reason: letter for letter in await said(bus, 2)}
        replays = [against async for _, _, against in resend_dead_letters(bus, Choice(), pause=0, dry_run=False)]
        again = [decode(heard.raw) async for heard in bus.read("progress.>")]

    assert {reason: letter.service for reason, letter in letters.items()} == {
        "max_deliveries": "bot",
        "terminated": "other_bot",
    }
    for letter in letters.values():
        assert (letter.stream, letter.stream_sequence) == ("PROGRESS", 1)
        assert (letter.original_subject, letter.body) == (fact(1).subject, fact(1).model_dump_json().encode())
        assert letter.headers["ce-type"] == "progress"
    assert letters["max_deliveries"].deliveries == 2
    assert (replays, again) == ([None, None], [fact(1)] * 3)
    assert "The consumer bot of PROGRESS got this message 2 times" in letters["max_deliveries"].detail


async def test_a_message_that_a_service_of_ours_buried_has_one_letter_however_late_the_audit_service_hears_of_it(
    nats_settings: NatsSettings, tmp_path: Path
) -> None:
    async def refuse(_: StoredMessage) -> None:
        raise InvalidMessage("bad_message", "because")

    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "notifier")
        await provision(bus.js, "audit")
        await bus.publish(REQUEST)
        app = App("notifier", [Subscription("APPROVALS", refuse)])
        async with subscribed(app, bus, nats_settings, CollectorRegistry()):
            await said(bus, 1)
        async with audit(bus, nats_settings, tmp_path):
            await heard_all(bus, "ADVISORIES", 1)
        (letter,) = await said(bus, 1)

    assert (letter.service, letter.reason) == ("notifier", "bad_message")


async def test_a_message_that_is_gone_is_told_of_and_what_is_told_of_already_is_not_told_again(
    nats_settings: NatsSettings, tmp_path: Path
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "audit")
        await bus.publish(fact(1))
        await refused(bus, "bot")
        await bus.delete("PROGRESS", 1)
        for attempt in range(2):
            async with audit(bus, nats_settings, tmp_path):
                await heard_all(bus, "ADVISORIES", attempt + 1)
            letters = await said(bus, 1)
            replays = [against async for _, _, against in resend_dead_letters(bus, Choice(), pause=0, dry_run=False)]
            await bus.js.update_stream((await bus.js.stream_info("DLQ")).config, duplicate_window=0.1)
            async for advisory in bus.read("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.PROGRESS.bot"):
                await bus.publish_raw(advisory.raw)

    assert [(letter.original_subject, letter.body) for letter in letters] == [("", None)]
    assert "no longer has it" in letters[0].detail
    assert "no longer has the message" in str(replays[0])


@asynccontextmanager
async def audit(bus: NatsBus, settings: NatsSettings, folder: Path) -> AsyncIterator[None]:
    async with (
        open_store(Settings(state=folder)) as store,
        subscribed(create_app(store, bus), bus, settings, CollectorRegistry()),
    ):
        yield


async def parked(bus: NatsBus, name: str, *, times: int) -> None:
    """Get a message so often that it is not delivered again."""
    config = ConsumerConfig(durable_name=name, max_deliver=times)
    consumer = await bus.js.pull_subscribe("progress.>", durable=name, stream="PROGRESS", config=config)
    for _ in range(times):
        (message,) = await consumer.fetch(1, timeout=5)
        await message.nak()
    with suppress(NatsTimeoutError):
        await consumer.fetch(1, timeout=0.5)  # JetStream gives it up when it is asked for the next
    await consumer.unsubscribe()
    await advised(bus, "MAX_DELIVERIES", name)


async def refused(bus: NatsBus, name: str) -> None:
    consumer = await bus.js.pull_subscribe("progress.>", durable=name, stream="PROGRESS")
    (message,) = await consumer.fetch(1, timeout=5)
    await message.term()
    await advised(bus, "MSG_TERMINATED", name)


async def advised(bus: NatsBus, kind: str, name: str) -> None:
    async with asyncio.timeout(10):
        async for _ in bus.subscribe(f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.PROGRESS.{name}", replay=True):
            return


async def heard_all(bus: NatsBus, stream: str, count: int) -> None:
    """Wait until the audit service has settled so many messages of a stream."""
    async with asyncio.timeout(10):
        while (floor := (await bus.js.consumer_info(stream, "audit")).ack_floor) is None or floor.stream_seq < count:
            await asyncio.sleep(0.05)


async def said(bus: NatsBus, count: int) -> list[DeadLetter]:
    """Wait for so many dead letters, and return all there are."""
    async with asyncio.timeout(10):
        async for heard in bus.subscribe("dlq.>", replay=True):
            if heard.sequence >= count:
                break
    letters = [decode(heard.raw) async for heard in bus.read("dlq.>")]
    return [letter for letter in letters if isinstance(letter, DeadLetter)]
