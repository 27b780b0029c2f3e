"""Advisories of a real server about undelivered messages become one dead letter each."""

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
from tests.support.ledger_keys import ledger_keys


async def test_a_message_that_a_foreign_consumer_did_not_process_becomes_one_complete_dead_letter(
    nats_settings: NatsSettings, tmp_path: Path
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "audit")
        await bus.publish(fact(1))
        await exhaust_deliveries(bus, "bot", times=2)
        await terminate(bus, "other_bot")
        async with audit(bus, nats_settings, tmp_path):
            dead_letters = {it.reason: it for it in await wait_for_dead_letters(bus, 2)}
        refusals = [refusal async for _, _, refusal in resend_dead_letters(bus, Choice(), (), pause=0, dry_run=False)]
        facts = [decode(message.raw) async for message in bus.read("progress.>")]

    assert {reason: it.service for reason, it in dead_letters.items()} == {
        "max_deliveries": "bot",
        "terminated": "other_bot",
    }
    for it in dead_letters.values():
        assert (it.stream, it.stream_sequence) == ("PROGRESS", 1)
        assert (it.original_subject, it.body) == (fact(1).subject, fact(1).model_dump_json().encode())
        assert it.headers["ce-type"] == "progress"
    assert dead_letters["max_deliveries"].deliveries == 2
    assert (refusals, facts) == ([None, None], [fact(1)] * 3)
    assert "The consumer bot of PROGRESS received this message 2 times" in dead_letters["max_deliveries"].detail


async def test_a_message_that_a_service_dead_lettered_has_one_dead_letter_however_late_its_advisory_is_received(
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
            await wait_for_dead_letters(bus, 1)
        async with audit(bus, nats_settings, tmp_path):
            await wait_until_audited(bus, "ADVISORIES", 1)
        (dead_letter,) = await wait_for_dead_letters(bus, 1)

    assert (dead_letter.service, dead_letter.reason) == ("notifier", "bad_message")


async def test_a_deleted_message_has_a_dead_letter_and_a_repeated_advisory_publishes_no_second_one(
    nats_settings: NatsSettings, tmp_path: Path
) -> None:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "audit")
        await bus.publish(fact(1))
        await terminate(bus, "bot")
        await bus.delete("PROGRESS", 1)
        for attempt in range(2):
            async with audit(bus, nats_settings, tmp_path):
                await wait_until_audited(bus, "ADVISORIES", attempt + 1)
            dead_letters = await wait_for_dead_letters(bus, 1)
            resent = resend_dead_letters(bus, Choice(), (), pause=0, dry_run=False)
            refusals = [refusal async for _, _, refusal in resent]
            await bus.js.update_stream((await bus.js.stream_info("DLQ")).config, duplicate_window=0.1)
            async for advisory in bus.read("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.PROGRESS.bot"):
                await bus.publish_raw(advisory.raw)

    assert [(it.original_subject, it.body) for it in dead_letters] == [("", None)]
    assert "no longer has it" in dead_letters[0].detail
    assert "no longer has the message" in str(refusals[0])


@asynccontextmanager
async def audit(bus: NatsBus, settings: NatsSettings, folder: Path) -> AsyncIterator[None]:
    async with (
        open_store(Settings(state=folder)) as store,
        subscribed(create_app(store, bus, ledger_keys(folder)), bus, settings, CollectorRegistry()),
    ):
        yield


async def exhaust_deliveries(bus: NatsBus, name: str, *, times: int) -> None:
    """Receive a message so often that JetStream does not deliver it again."""
    config = ConsumerConfig(durable_name=name, max_deliver=times)
    consumer = await bus.js.pull_subscribe("progress.>", durable=name, stream="PROGRESS", config=config)
    for _ in range(times):
        (message,) = await consumer.fetch(1, timeout=5)
        await message.nak()
    with suppress(NatsTimeoutError):
        await consumer.fetch(1, timeout=0.5)  # JetStream notices that max_deliver is reached when the next is requested
    await consumer.unsubscribe()
    await wait_for_advisory(bus, "MAX_DELIVERIES", name)


async def terminate(bus: NatsBus, name: str) -> None:
    consumer = await bus.js.pull_subscribe("progress.>", durable=name, stream="PROGRESS")
    (message,) = await consumer.fetch(1, timeout=5)
    await message.term()
    await wait_for_advisory(bus, "MSG_TERMINATED", name)


async def wait_for_advisory(bus: NatsBus, kind: str, name: str) -> None:
    async with asyncio.timeout(10):
        async for _ in bus.subscribe(f"$JS.EVENT.ADVISORY.CONSUMER.{kind}.PROGRESS.{name}", replay=True):
            return


async def wait_until_audited(bus: NatsBus, stream: str, count: int) -> None:
    """Wait until the audit service has settled so many messages of a stream."""
    async with asyncio.timeout(10):
        while (floor := (await bus.js.consumer_info(stream, "audit")).ack_floor) is None or floor.stream_seq < count:
            await asyncio.sleep(0.05)


async def wait_for_dead_letters(bus: NatsBus, count: int) -> list[DeadLetter]:
    """Wait for so many dead letters, and return all there are."""
    async with asyncio.timeout(10):
        async for message in bus.subscribe("dlq.>", replay=True):
            if message.sequence >= count:
                break
    dead_letters = [decode(message.raw) async for message in bus.read("dlq.>")]
    return [it for it in dead_letters if isinstance(it, DeadLetter)]
