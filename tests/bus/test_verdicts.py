"""Ingest publishes one verdict for each event: what each route that names its type made of it, and why."""

import json
from datetime import timedelta
from typing import Any

import pytest

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage, StoredMessage, connect, decode
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.envelope import header_value
from perdure.bus.jetstream.provision import provision
from perdure.bus.settlement import settle
from perdure.bus.views.event_outcome import event_outcome
from perdure.bus.views.run_lookup import DeadLettered, find_run
from perdure.bus.views.start_ledger import StartLedger
from perdure.cli.published_text import outcome_lines
from perdure.client.outcomes import result_in
from perdure.config.routes import Route
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import DeadLetter, EventVerdict, SignalWorkflow, StartWorkflow, verdict_subject
from perdure.errors import PerdureError, Unavailable
from tests.support.deliveries import Delivered
from tests.support.ingest import create_ingest, create_queues

TYPE = "orders.placed"
ORDER = {"on": TYPE, "start": "Order"}
BIG = {"on": "orders.*", "start": "Big", "when": "data.total > 100 && data.tenant == 'acme'"}
STRICT = {"on": "orders.>", "start": "Strict", "schema": {"required": ["total"]}}


class Shop:
    """Publishes events, and delivers each to ingest."""

    def __init__(self, bus: Bus, *routes: dict[str, Any]) -> None:
        self.bus = bus
        self.settings = Settings(routes=tuple(map(Route.model_validate, routes)))
        self.use(MemoryKeyValue())

    def use(self, starts: MemoryKeyValue) -> None:
        """Run ingest with this bucket as the ledger's."""
        self.starts = starts
        bus = self.bus
        self.events, self.dead_letters = create_ingest(
            self.settings, bus, create_queues(self.settings, bus, ledger=self.starts)
        ).subscriptions

    async def publish(self, data: Any, event_id: str = "o1", subject: str = f"events.{TYPE}") -> list[str]:
        """Publish an event as a CloudEvent, and return how it was settled."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        type_ = header_value(subject.removeprefix("events."))
        cloud = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": type_, "ce-source": "s"}
        sequence = await self.bus.publish_raw(RawMessage(subject, body, cloud))
        return await self.deliver(sequence)

    async def deliver(self, sequence: int, deliveries: int = 1) -> list[str]:
        message = await self.bus.get("EVENTS", sequence)
        assert message is not None
        delivery = Delivered(message=message, deliveries=deliveries)
        await settle(delivery, self.events.handle, bus=self.bus, service="ingest")
        return delivery.settled

    async def verdicts(self, type_: str = TYPE) -> list[EventVerdict]:
        found = [decode(message.raw) async for message in self.bus.read(verdict_subject(type_))]
        return [it for it in found if isinstance(it, EventVerdict)]

    async def judged(self) -> list[dict[str, Any]]:
        """Return what the newest verdict has to report of each route."""
        return [it.model_dump(exclude_defaults=True, exclude={"detail"}) for it in (await self.verdicts())[-1].routes]

    async def count(self, *types: type) -> int:
        found = [decode(it.raw) for stream in ("commands.>", "dlq.>") for it in await collect(self.bus, stream)]
        return sum(isinstance(it, types) for it in found)


async def collect(bus: Bus, subject: str) -> list[StoredMessage]:
    return [message async for message in bus.read(subject)]


async def test_one_verdict_lists_every_route_that_names_the_type_and_no_other(bus: Bus) -> None:
    signals = {"on": TYPE, "signal": "placed", "workflow_id": "shop"}
    shop = Shop(bus, ORDER, BIG, signals, {"on": "people.>", "start": "Person"})

    assert await shop.publish({"total": 150, "tenant": "x"}) == ["ack"]

    (verdict,) = await shop.verdicts()
    order, big, placed = verdict.routes
    assert (verdict.event_id, verdict.source, verdict.stream_sequence) == ("o1", "s", 1)
    assert (verdict.refused, verdict.change) == (None, False)
    assert (order.route, order.verdict, order.detail) == ("Order", "started", "starts Order")
    assert (big.verdict, big.workflow_id) == ("no_match", None)
    assert big.detail == "data.tenant == 'acme' is false: data.tenant is \"x\""
    assert (placed.verdict, placed.workflow_id, placed.detail) == ("signalled", "shop", "signals placed")
    assert (await bus.get("COMMANDS", 1)) is not None
    assert order.workflow_id in (await bus.get("COMMANDS", 1)).raw.body.decode()  # type: ignore[union-attr]


async def test_a_condition_that_is_false_everywhere_is_no_dead_letter(bus: Bus) -> None:
    shop = Shop(bus, BIG)

    assert await shop.publish({"total": 1}) == ["ack"]

    assert await shop.judged() == [{"route": "Big", "verdict": "no_match"}]
    assert await shop.count(DeadLetter, StartWorkflow) == 0


async def test_an_event_whose_type_no_route_names_has_a_verdict_beside_its_dead_letter(bus: Bus) -> None:
    shop = Shop(bus, ORDER)

    assert await shop.publish({}, subject="events.people.arrived") == ["term"]

    (verdict,) = await shop.verdicts("people.arrived")
    assert (verdict.refused, verdict.routes) == ("no_route", ())
    assert "routes are for: orders.placed" in verdict.detail
    assert await shop.count(DeadLetter) == 1


async def test_one_route_that_refuses_is_one_dead_letter_no_run_and_a_verdict_for_each(bus: Bus) -> None:
    shop = Shop(bus, ORDER, STRICT, BIG | {"when": "data.tenant == 'acme'"})

    assert await shop.publish({"tenant": "b"}) == ["term"]

    refused = {"verdict": "refused", "reason": "bad_data"}
    assert await shop.judged() == [
        {"route": "Order", **refused},
        {"route": "Strict", **refused},
        {"route": "Big", "verdict": "no_match"},
    ]
    assert "because of route Strict" in (await shop.verdicts())[0].routes[0].detail
    assert (await shop.count(StartWorkflow), await shop.count(DeadLetter)) == (0, 1)


@pytest.mark.parametrize("flow", [None, {"max_open": 1}, {"batch": {"size": 2, "within": "1h"}}])
async def test_one_command_that_nats_does_not_take_is_one_dead_letter_and_no_run(
    nats_settings: NatsSettings, flow: dict[str, Any] | None
) -> None:
    five_times = {"on": TYPE, "start": "Big", "input": dict.fromkeys("abcde", "data")}
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "test")
        shop = Shop(bus, ORDER | ({} if flow is None else {"flow": flow}), five_times)

        assert await shop.publish({"text": "x" * 240_000}) == ["term"]

        waiting = [*await bus.count_by_subject("waiting.>")]
        assert (await shop.count(StartWorkflow), waiting, await shop.count(DeadLetter)) == (0, [], 1)
        assert [(it["verdict"], it["reason"]) for it in await shop.judged()] == [("refused", "too_large")] * 2


@pytest.mark.parametrize(("body", "reason"), [(b"{", "not_json"), (b"\xff", "not_utf8")])
async def test_an_event_that_cannot_be_read_is_refused_by_each_route_of_its_subject(body: bytes, reason: str) -> None:
    shop = Shop(MemoryBus(), ORDER, BIG)

    await shop.publish(body)

    (verdict,) = await shop.verdicts()
    assert (verdict.refused, verdict.source, verdict.event_id) == (reason, None, "o1")
    assert {(it.route, it.verdict, it.reason) for it in verdict.routes} == {
        ("Order", "refused", reason),
        ("Big", "refused", reason),
    }


async def test_a_redelivered_event_has_its_verdict_once_and_other_rules_have_one_of_their_own(bus: Bus) -> None:
    shop = Shop(bus, ORDER)
    await shop.publish({})
    await shop.deliver(1)
    first = await shop.verdicts()

    await Shop(bus, ORDER, BIG).deliver(1)

    assert len(first) == 1
    assert [len(it.routes) for it in await shop.verdicts()] == [1, 2]
    assert (await shop.verdicts())[1].rules != first[0].rules


async def test_the_same_event_again_is_a_duplicate_of_the_first(bus: Bus) -> None:
    shop = Shop(bus, ORDER)
    await shop.publish({"total": 1})
    await shop.publish({"total": 1})

    (duplicate,) = await shop.judged()

    assert (duplicate["verdict"], duplicate["other"]) == ("duplicate_of", {"id": "o1", "stream_sequence": 1})


async def test_long_after_the_first_the_ledger_knows_the_duplicate_and_the_refusal() -> None:
    old, bus = Shop(MemoryBus(), ORDER), MemoryBus()
    await old.publish({"total": 1})
    command = await old.bus.first("commands.>")
    assert command is not None
    shop = Shop(bus, ORDER)
    await StartLedger(shop.starts).mark_started(StartWorkflow.model_validate_json(command.raw.body))
    await shop.publish({}, "other")

    await shop.publish({"total": 1})
    (same,) = await shop.judged()
    await shop.publish({"total": 2})
    (changed,) = await shop.judged()

    assert (same["verdict"], same["other"]["stream_sequence"]) == ("duplicate_of", 1)
    assert (changed["verdict"], changed["reason"]) == ("refused", "duplicate_id")


async def test_the_commands_of_two_routes_that_meet_in_one_workflow_id_are_both_stored(bus: Bus) -> None:
    meeting = {"on": TYPE, "workflow_id": "order-{id}"}
    shop = Shop(bus, {**meeting, "start": "A", "when": "true"}, {**meeting, "start": "B", "when": "data.total > 0"})

    await shop.publish({"total": 1})

    assert await shop.count(StartWorkflow) == 2


async def test_a_signal_of_the_same_event_is_a_duplicate_too() -> None:
    shop = Shop(MemoryBus(), {"on": TYPE, "signal": "placed", "workflow_id": "shop"})
    for _ in range(2):
        await shop.publish({})

    assert [it.routes[0].verdict for it in await shop.verdicts()] == ["signalled", "duplicate_of"]
    assert await shop.count(SignalWorkflow) == 1


async def test_a_route_that_opts_out_has_no_verdict() -> None:
    silent = ORDER | {"verdicts": False}
    both, alone = Shop(MemoryBus(), silent, BIG), Shop(MemoryBus(), silent)
    await both.publish({"total": 1})
    await alone.publish({})

    assert await both.judged() == [{"route": "Big", "verdict": "no_match"}]
    assert await alone.verdicts() == []
    assert await alone.count(StartWorkflow) == 1


@pytest.mark.parametrize("type_", [TYPE, "people.arrived"])
async def test_a_refused_event_stays_a_dead_letter_when_an_operator_has_dropped_that(
    bus: Bus, type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(bus, STRICT)
    await shop.publish({}, subject=f"events.{type_}")
    event, (dead_letter,) = await bus.get("EVENTS", 1), await collect(bus, "dlq.>")
    assert event is not None
    await bus.delete("DLQ", dead_letter.sequence)
    meanwhile = await event_outcome(bus, event)
    monkeypatch.setattr("perdure.bus.views.event_outcome._DEAD_LETTER_WITHIN", timedelta())

    outcome = await event_outcome(bus, event)

    assert (meanwhile.state, outcome.state, outcome.refused) == ("accepted", "dead_letter", None)
    with pytest.raises(DeadLettered, match="not kept any more"):
        await find_run(bus, "o1")
    with pytest.raises(PerdureError, match="not kept any more"):
        result_in(outcome)
    assert next(iter(outcome_lines(outcome))) == "It became a dead letter, which is not kept any more."


async def test_an_event_whose_command_was_refused_stays_a_dead_letter(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdure.bus.views.event_outcome._DEAD_LETTER_WITHIN", timedelta())
    shop = Shop(bus, ORDER | {"workflow_id": "order"}, BIG)
    await shop.publish({"total": 1})
    (command,) = await collect(bus, "commands.>")
    await StartLedger(shop.starts).claim(StartWorkflow.model_validate_json(command.raw.body))
    await shop.publish({"total": 1}, "o2")
    event, commands = await bus.get("EVENTS", 2), await collect(bus, "commands.>")
    assert event is not None

    outcome = await event_outcome(bus, event, ledger=StartLedger(shop.starts))

    assert (len(commands), [it.verdict for it in outcome.verdicts]) == (2, ["refused", "no_match"])
    assert (outcome.state, outcome.runs) == ("dead_letter", ())


class BrokenLedger(MemoryKeyValue):
    """The ledger's bucket with a bug."""

    async def get(self, key: str) -> bytes | None:
        raise RuntimeError(key)


async def test_an_event_that_meets_a_bug_has_a_verdict_beside_its_dead_letter(bus: Bus) -> None:
    shop = Shop(bus, ORDER, BIG)
    shop.use(BrokenLedger())
    settled = [await shop.publish({"total": 1, "tenant": "x"}), await shop.deliver(1, deliveries=5)]
    for dead_letter in await collect(bus, "dlq.>"):
        await shop.dead_letters.handle(dead_letter)

    (verdict,) = await shop.verdicts()

    assert settled == [["nak"], ["term"]]
    assert (verdict.event_id, verdict.source, verdict.stream_sequence) == ("o1", "s", 1)
    assert (verdict.refused, verdict.change) == ("unexpected_error", False)
    assert [(it.route, it.verdict, it.reason) for it in verdict.routes] == [
        ("Order", "refused", "unexpected_error"),
        ("Big", "refused", "unexpected_error"),
    ]


async def test_a_dead_letter_that_has_its_verdict_gets_no_second_one(bus: Bus) -> None:
    shop = Shop(bus, STRICT)
    await shop.publish({})
    (dead_letter,) = await collect(bus, "dlq.>")
    await Shop(bus, ORDER, STRICT).dead_letters.handle(dead_letter)

    assert len(await shop.verdicts()) == 1


class SilentLedger(MemoryKeyValue):
    """The ledger's bucket while it does not answer."""

    async def get(self, key: str) -> bytes | None:
        raise Unavailable(f"STARTS does not answer: {key}")


async def test_a_route_that_opts_out_needs_no_ledger(bus: Bus) -> None:
    silent, reporting = ({"verdicts": it} for it in (False, True))
    shops = [Shop(bus, ORDER | it) for it in (silent, reporting)]
    for shop in shops:
        shop.use(SilentLedger())

    settled = [await shop.publish({}, str(number)) for number, shop in enumerate(shops)]

    assert settled == [["ack"], ["nak"]]


async def test_values_and_sentences_in_a_verdict_are_bounded() -> None:
    shop = Shop(MemoryBus(), {"on": TYPE, "start": "A", "when": "data.note == 'x'"})
    await shop.publish({"note": "y" * 200_000}, event_id="e" * 20_000)

    (verdict,) = await shop.verdicts()

    assert len(verdict.model_dump_json()) < 3_000


@pytest.mark.parametrize("type_", ["é.ü", "a=b.c%20", "x" * 900 + "." + "y" * 900, "é" * 900])
async def test_any_type_of_an_event_has_a_subject_for_its_verdicts(bus: Bus, type_: str) -> None:
    shop = Shop(bus, {"on": ">", "start": "A"})

    assert await shop.publish({}, subject=f"events.{type_}") in (["ack"], ["term"])

    (verdict,) = await shop.verdicts(type_)
    assert verdict.event_type == type_


async def test_an_event_whose_first_never_took_effect_is_no_duplicate(bus: Bus) -> None:
    old = Shop(MemoryBus(), ORDER)
    await old.publish({"total": 1})
    command = await old.bus.first("commands.>")
    assert command is not None
    shop = Shop(bus, ORDER)
    await shop.publish({}, "other")
    await StartLedger(shop.starts).claim(StartWorkflow.model_validate_json(command.raw.body))

    await shop.publish({"total": 1})

    assert [it["verdict"] for it in await shop.judged()] == ["started"]


async def test_the_duplicate_of_an_event_whose_command_was_refused_has_its_dead_letter(bus: Bus) -> None:
    shop = Shop(bus, ORDER)
    await shop.publish({"total": 1})
    (command,) = await collect(bus, "commands.>")
    await publish_dead_letter(bus, make_dead_letter(command, "unknown_workflow", "No Order.", service="orchestrator"))

    await shop.publish({"total": 1})

    again = await bus.get("EVENTS", 2)
    assert again is not None
    outcome = await event_outcome(bus, again)
    assert (outcome.state, [it.verdict for it in outcome.verdicts]) == ("dead_letter", ["duplicate_of"])
    assert outcome.refused is not None
    assert outcome.refused.reason == "unknown_workflow"
