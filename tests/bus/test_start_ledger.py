"""An event takes effect once: by its id and source, and also if 0.1 claimed it, which knew no source."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure.bus import KeyValue, MemoryKeyValue
from perdure.bus.views.start_ledger import Claim, StartLedger
from perdure.config.routes import Route
from perdure.contracts import Event, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure.values.run_id import place_of
from perdure_ingest.identity import json_digest
from perdure_ingest.rules import compile_rules
from perdure_ingest.variables import Arrival
from tests.support.admitting import admit

STORED = datetime(2026, 11, 23, 12, tzinfo=UTC)
STARTS: dict[str, Any] = {"start": "Order"}
NAMED: dict[str, Any] = {"start": "Order", "workflow_id": "order-{data.n}"}
SIGNALS: dict[str, Any] = {"signal": "go", "workflow_id": "order-{data.n}", "name": "Order"}
CLAIMS = [(STARTS, "Order-7"), (NAMED, "order-1"), (SIGNALS, "signal.Order-7")]


def command(route: dict[str, Any], stored_at: datetime = STORED, **event: Any) -> StartWorkflow | SignalWorkflow:
    it = Event.model_validate({"id": "7", "type": "orders.placed", "source": "/shop/a", "data": {"n": 1}, **event})
    rules = compile_rules([Route.model_validate({"on": ">", **route})])
    (admitted,) = admit(it, Arrival(3, stored_at, {}), rules=rules)
    return admitted.command


async def claim_as_0_1(entries: KeyValue, key: str, *, started: bool, id_: str = "7", data: Any = None) -> None:
    digest = json_digest(id_, "orders.placed", data or {"n": 1})
    entry = {"event_id": id_, "digest": digest, "stream_sequence": 3, "started": started}
    await entries.put(key, json.dumps(entry).encode())


def as_0_1_made_it(it: StartWorkflow | SignalWorkflow) -> StartWorkflow | SignalWorkflow:
    assert it.former is not None
    return it.as_formerly(it.former)


@pytest.fixture
def entries() -> KeyValue:
    return MemoryKeyValue()


@pytest.mark.parametrize("route", [STARTS, NAMED, SIGNALS])
async def test_the_same_event_takes_effect_once(entries: KeyValue, route: dict[str, Any]) -> None:
    ledger, it = StartLedger(entries), command(route)

    claims = [await ledger.claim(it), await ledger.claim(it)]
    await ledger.mark_started(it)

    assert [*claims, await ledger.claim(it)] == [Claim.NEW, Claim.TRIED, Claim.DONE]


@pytest.mark.parametrize("route", [STARTS, SIGNALS])
async def test_the_same_id_of_another_source_is_another_event(entries: KeyValue, route: dict[str, Any]) -> None:
    ledger = StartLedger(entries)
    await ledger.mark_started(command(route))

    assert await ledger.claim(command(route, source="/shop/b")) is Claim.NEW
    assert await ledger.claim(command(route, source="/shop/c", data={"n": 2})) is Claim.NEW


async def test_two_sources_that_meet_in_one_workflow_id_are_both_named(entries: KeyValue) -> None:
    ledger = StartLedger(entries)
    await ledger.claim(command(NAMED))

    with pytest.raises(InvalidMessage, match="which is of the source /shop/a; this one is of /shop/b") as refused:
        await ledger.claim(command(NAMED, source="/shop/b"))

    assert refused.value.reason == "run_exists"


async def test_two_routes_that_meet_in_one_workflow_id_are_both_named(entries: KeyValue) -> None:
    ledger = StartLedger(entries)
    await ledger.mark_started(command(NAMED))

    with pytest.raises(InvalidMessage, match=r"Route Order starts the run order-1 .*: give route Bill ") as refused:
        await ledger.claim(await ledger.as_claimed(command(NAMED | {"start": "Bill"})))

    assert refused.value.reason == "run_exists"


@pytest.mark.parametrize(("name", "event_id"), [("signal.X", "7"), ("signal", "X~7")])
async def test_no_start_has_the_claim_of_a_signal(entries: KeyValue, name: str, event_id: str) -> None:
    ledger = StartLedger(entries)
    await ledger.claim(command(SIGNALS | {"name": "X"}))

    assert await ledger.claim(command(STARTS | {"name": name}, id=event_id)) is Claim.NEW


async def test_the_same_id_with_other_data_is_refused(entries: KeyValue) -> None:
    ledger = StartLedger(entries)
    await ledger.claim(command(STARTS))

    with pytest.raises(InvalidMessage) as refused:
        await ledger.claim(command(STARTS, data={"n": 2}))

    assert refused.value.reason == "duplicate_id"


@pytest.mark.parametrize(("route", "key"), CLAIMS)
async def test_what_took_effect_under_0_1_does_not_again(entries: KeyValue, route: dict[str, Any], key: str) -> None:
    ledger = StartLedger(entries)
    await claim_as_0_1(entries, key, started=True)

    it = await ledger.as_claimed(command(route))

    assert await ledger.look_up(it) is Claim.DONE
    assert await ledger.claim(it) is Claim.DONE


@pytest.mark.parametrize(("route", "key"), CLAIMS)
async def test_what_0_1_began_goes_on_under_its_id(entries: KeyValue, route: dict[str, Any], key: str) -> None:
    ledger = StartLedger(entries)
    await claim_as_0_1(entries, key, started=False)

    it = await ledger.as_claimed(command(route))
    claim = await ledger.claim(it)
    await ledger.mark_started(it)

    assert (it.claim, claim) == (key, Claim.TRIED)
    assert await ledger.look_up(await ledger.as_claimed(command(route))) is Claim.DONE


@pytest.mark.parametrize("route", [STARTS, NAMED, SIGNALS])
async def test_a_command_that_0_1_publishes_late_does_not_take_effect_again(
    entries: KeyValue, route: dict[str, Any]
) -> None:
    ledger, today = StartLedger(entries), command(route)
    late = as_0_1_made_it(today)
    await ledger.claim(today)

    it = await ledger.as_claimed(late)
    claim = await ledger.claim(it)
    await ledger.mark_started(it)

    assert (it.claim, it.workflow_id, claim) == (today.claim, today.workflow_id, Claim.TRIED)
    assert await ledger.claim(await ledger.as_claimed(late)) is Claim.DONE
    assert await ledger.claim(await ledger.as_claimed(today)) is Claim.DONE


@pytest.mark.parametrize("route", [STARTS, SIGNALS])
async def test_a_late_command_of_0_1_for_another_event_takes_effect(entries: KeyValue, route: dict[str, Any]) -> None:
    ledger = StartLedger(entries)
    await ledger.mark_started(command(route))

    for other in (command(route, source="/shop/b"), command(route, id="8")):
        assert await ledger.claim(await ledger.as_claimed(as_0_1_made_it(other))) is Claim.NEW


async def test_a_claim_of_0_1_for_other_data_is_that_of_another_event(entries: KeyValue) -> None:
    ledger = StartLedger(entries)
    await claim_as_0_1(entries, "Order-7", started=True, data={"n": 2})
    await claim_as_0_1(entries, "order-1", started=True, data={"n": 2})

    assert await ledger.claim(await ledger.as_claimed(command(STARTS))) is Claim.NEW
    with pytest.raises(InvalidMessage):
        await ledger.claim(await ledger.as_claimed(command(NAMED)))


@pytest.mark.parametrize(("age", "claim"), [(timedelta(minutes=1), Claim.DONE), (timedelta(minutes=-1), Claim.NEW)])
async def test_a_place_names_one_event_though_the_stream_was_made_anew(
    entries: KeyValue, age: timedelta, claim: Claim
) -> None:
    """0.1 knew an event without an id by its sequence alone: its claim counts for what was stored before it."""
    ledger, stored_at = StartLedger(entries), datetime.now(UTC) - age
    await claim_as_0_1(entries, "Order-EVENTS.3", started=True, id_="EVENTS.3")

    it = command(STARTS, stored_at, id=place_of("EVENTS", 3, stored_at), source="nats")

    assert await ledger.claim(await ledger.as_claimed(it)) is claim
