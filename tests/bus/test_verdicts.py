"""Ingest publishes one verdict for each event: what each route that names its type made of it, and why."""

import json
from typing import Any

import pytest

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage, StoredMessage, connect, decode
from perdure.bus.envelope import header_value
from perdure.bus.jetstream.provision import provision
from perdure.bus.settlement import settle
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes import Route
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import DeadLetter, EventVerdict, SignalWorkflow, StartWorkflow, verdict_subject
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
        self.starts = MemoryKeyValue()
        self.settings = Settings(routes=tuple(map(Route.model_validate, routes)))
        self.events, _ = create_ingest(
            self.settings, bus, create_queues(self.settings, bus, ledger=self.starts)
        ).subscriptions

    async def publish(self, data: Any, event_id: str = "o1", subject: str = f"events.{TYPE}") -> list[str]:
        """Publish an event as a CloudEvent, and return how it was settled."""
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        type_ = header_value(subject.removeprefix("events."))
        cloud = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": type_, "ce-source": "s"}
        sequence = await self.bus.publish_raw(RawMessage(subject, body, cloud))
        return await self.deliver(sequence)

    async def deliver(self, sequence: int) -> list[str]:
        message = await self.bus.get("EVENTS", sequence)
        assert message is not None
        delivery = Delivered(message=message)
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


@pytest.mark.parametrize(("body", "reason"), [(b"{", "not_json"), (b"\xff", "not_utf8"), (b"", "empty_body")])
async def test_an_event_that_cannot_be_read_is_refused_by_each_route_of_its_subject(body: bytes, reason: str) -> None:
    shop = Shop(MemoryBus(), ORDER, BIG)

    await shop.publish(body)

    (verdict,) = await shop.verdicts()
    assert (verdict.refused, verdict.source, verdict.event_id.startswith("EVENTS.1")) == (reason, None, True)
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
