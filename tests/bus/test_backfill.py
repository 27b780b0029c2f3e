"""Stored events are taken through one new or mended route: paced, once, and recorded."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, NatsKeyValue, RawMessage, connect, decode
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.bus.lease import Lease, Leases
from perdure.bus.views.start_ledger import BUCKET, StartLedger
from perdure.cli.backfill import Backfill
from perdure.config.routes import Route
from perdure.config.settings import NatsSettings, Settings
from perdure.contracts import BackfillRan, EventVerdict, SignalWorkflow, StartWorkflow, last_words
from perdure.contracts.backfill import BackfilledEvent
from perdure.errors import NotFound, PerdureError
from perdure.runtime.background import background
from perdure.values.rate import Rate
from perdure_ingest.app import create_app
from perdure_ingest.backfill import backfill_responders
from perdure_ingest.rules import compile_rules
from perdure_ingest.verdict_log import VerdictLog
from tests.support.ingest import create_queues

OLD = {"on": "placed", "start": "Old"}
NEW = {"on": "placed", "start": "New", "when": "data.n > 0"}
HELD = {"on": "placed", "start": "Held", "flow": {"max_open": 1}}
LATEST = {"on": "placed", "start": "Latest", "flow": {"key": "data.key", "debounce": "1h"}}
FAST = Rate.model_validate("1000/s")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Rig:
    """Ingest by routes that may change, and an operator, on a real bus."""

    bus: NatsBus
    nats: NatsSettings
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def ledger(self) -> StartLedger:
        return StartLedger(NatsKeyValue(self.bus.js, BUCKET))

    async def ingest(self, *routes: dict[str, Any]) -> None:
        """Run ingest with these routes instead of those before, until it has judged all that is stored."""
        await self.stack.aclose()
        settings = Settings(routes=tuple(Route.model_validate(route) for route in routes))
        rules = compile_rules(settings.routes)
        verdicts = VerdictLog(self.bus, rules)
        entries, starts = (NatsKeyValue(self.bus.js, name) for name in ("FLOW", BUCKET))
        queues = create_queues(settings, self.bus, entries=entries, ledger=starts)
        responders = backfill_responders(
            self.bus, rules, queues, self.ledger, verdicts, max_payload_bytes=settings.ingest.max_payload_bytes
        )
        leases = Leases(entries, "test", Lease, duration=timedelta(seconds=10))
        app = create_app(settings, rules, queues, verdicts, responders, leases=leases)
        await self.stack.enter_async_context(background(*queues.duties()))
        await self.stack.enter_async_context(subscribed(app, self.bus, self.nats, CollectorRegistry()))
        await self.bus.wait_until_consumed("ingest", "EVENTS")

    async def publish(self, *bodies: bytes, type_: str = "placed") -> None:
        for body in bodies:
            await self.bus.publish_raw(RawMessage(f"events.{type_}", body, {}))

    async def backfill(self, route: str, **options: Any) -> list[BackfilledEvent]:
        given = {"since": LONG_AGO, "until": datetime.now(UTC), "rate": FAST, "by": "ada", **options}
        return [event async for event in (await Backfill.plan(self.bus, route, **given)).run()]

    async def commands(self, route: str) -> list[StartWorkflow | SignalWorkflow]:
        found = [decode(message.raw) async for message in self.bus.read("commands.>")]
        return [it for it in found if isinstance(it, StartWorkflow | SignalWorkflow) and it.route == route]

    async def verdicts(self, sequence: int) -> dict[str, tuple[str, bool]]:
        found = [decode(message.raw) async for message in self.bus.read("verdicts.>")]
        routes = [
            route
            for it in found
            if isinstance(it, EventVerdict) and it.stream_sequence == sequence
            for route in it.routes
        ]
        return {it.route: (it.verdict, it.backfill is not None) for it in last_words(routes)}

    async def acts(self) -> list[BackfillRan]:
        found = [decode(message.raw) async for message in self.bus.read("admin.backfill.*")]
        return [it for it in found if isinstance(it, BackfillRan)]


@pytest_asyncio.fixture
async def rig(nats_settings: NatsSettings) -> AsyncIterator[Rig]:
    async with connect(nats_settings, source="perdure/test", within=5) as bus:
        await provision(bus.js, "ingest")
        here = Rig(bus, nats_settings)
        async with here.stack:
            yield here


def fates(events: list[BackfilledEvent]) -> Counter[str]:
    return Counter(event.fate for event in events)


async def test_a_new_route_takes_what_is_stored_and_no_other_route_does(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 0}', b'{"n": 2}')
    await rig.publish(b"{}", type_="other")
    await rig.ingest(OLD, {"on": "other", "start": "Other"})
    await rig.ingest(OLD, NEW, {"on": "other", "start": "Other"})

    events = await rig.backfill("New")

    assert fates(events) == {"taken": 2, "no_match": 1}
    assert "data.n is 0" in events[1].detail
    assert [it.event.stream_sequence for it in await rig.commands("New")] == [1, 3]
    assert len(await rig.commands("Old")) == 3
    assert {it.event.backfill for it in await rig.commands("New")} == {(await rig.acts())[0].backfill}
    assert await rig.verdicts(1) == {"Old": ("started", False), "New": ("started", True)}
    assert await rig.verdicts(2) == {"Old": ("started", False)}


async def test_it_is_recorded_who_ran_which_backfill_by_which_rules(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 0}')
    await rig.ingest(NEW)

    await rig.backfill("New")

    began, ended = await rig.acts()
    first = decode((await rig.bus.get("VERDICTS", 1)).raw)  # type: ignore[union-attr]
    assert (began.act, began.by, began.route, began.since, began.rate) == ("began", "ada", "New", LONG_AGO, 1000)
    assert isinstance(first, EventVerdict)
    assert (began.rules, began.counts) == (first.rules, {})
    assert (ended.act, ended.backfill, ended.counts) == ("ended", began.backfill, {"already": 1, "no_match": 1})


async def test_a_dry_run_shows_the_same_and_does_nothing(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 0}', b"[", b'{"n": "x"}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)

    tried = await rig.backfill("New", dry_run=True)

    assert fates(tried) == {"taken": 1, "no_match": 1, "refused": 2}
    assert (tried[0].verdict, tried[2].reason) == ("started", "not_json")
    assert not await rig.commands("New")
    assert not await rig.acts()
    assert [(it.fate, it.workflow_id) for it in await rig.backfill("New")] == [
        (it.fate, it.workflow_id) for it in tried
    ]


async def test_a_second_backfill_does_nothing_before_and_after_the_runs_have_started(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 2}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)
    await rig.backfill("New")
    stored = [await rig.bus.last(subject) for subject in ("commands.>", "verdicts.>")]

    before = await rig.backfill("New")
    for command in await rig.commands("New"):
        await rig.ledger.mark_started(command)
    await rig.ingest({**OLD, "name": "renamed"}, NEW)  # other rules: now only the ledger knows
    after = await rig.backfill("New")

    assert fates(before) == fates(after) == {"already": 2}
    assert after[0].workflow_id == (await rig.commands("New"))[0].workflow_id
    assert stored == [await rig.bus.last(subject) for subject in ("commands.>", "verdicts.>")]


async def test_a_backfill_that_was_interrupted_goes_on_where_it_ended(rig: Rig) -> None:
    await rig.publish(*(b'{"n": %d}' % number for number in range(1, 6)))
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)
    plan = await Backfill.plan(
        rig.bus, "New", since=LONG_AGO, until=datetime.now(UTC), rate=FAST, by="ada", dry_run=False
    )
    running = plan.run()
    seen = [await anext(running), await anext(running)]
    await running.aclose()

    rest = await rig.backfill("New")

    assert fates(seen) == {"taken": 2}
    assert fates(rest) == {"already": 2, "taken": 3}
    assert [it.event.stream_sequence for it in await rig.commands("New")] == [1, 2, 3, 4, 5]
    assert [(it.act, it.counts) for it in await rig.acts()][:2] == [("began", {}), ("ended", {"taken": 2})]


async def test_a_backfill_that_is_cancelled_records_how_far_it_came(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 2}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)
    slow = Rate.model_validate("1/h")
    plan = await Backfill.plan(rig.bus, "New", since=LONG_AGO, until=datetime.now(UTC), rate=slow, by="ada")
    running = plan.run()
    await anext(running)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await anext(running)

    assert [(it.act, it.counts) for it in await rig.acts()] == [("began", {}), ("ended", {"taken": 1})]


async def test_a_misspelt_start_that_was_mended_runs_at_once(rig: Rig) -> None:
    await rig.publish(b"{}")
    await rig.ingest({**OLD, "start": "Odl", "name": "Old"})
    await rig.ingest({**OLD, "name": "Old"})

    assert fates(await rig.backfill("Old")) == {"taken": 1}

    assert [it.workflow for it in await rig.commands("Old") if isinstance(it, StartWorkflow)] == ["Odl", "Old"]


async def test_signals_are_backfilled_too(rig: Rig) -> None:
    await rig.publish(b'{"run": "r-1"}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, {"on": "placed", "signal": "note", "workflow_id": "{data.run}", "name": "notes"})

    (event,) = await rig.backfill("notes")

    (signal,) = await rig.commands("notes")
    assert (event.verdict, event.workflow_id, signal.workflow_id) == ("signalled", "r-1", "r-1")


async def test_flow_control_of_the_route_holds_and_a_start_that_waits_is_not_added_again(rig: Rig) -> None:
    await rig.publish(b"{}", b"{}", b"{}")
    await rig.ingest(OLD)
    await rig.ingest(OLD, HELD)

    first = await rig.backfill("Held")
    async with asyncio.timeout(20):
        while (await rig.verdicts(1))["Held"] != ("released", True):
            await asyncio.sleep(0.05)
    (released,) = await rig.commands("Held")
    await rig.ledger.mark_started(released)
    await rig.ingest(OLD, {**HELD, "flow": {"max_open": 1, "rate": "100/s"}})
    second = await rig.backfill("Held")

    assert fates(first) == {"taken": 3}
    assert {it.verdict for it in first} == {"held"}
    assert await rig.commands("Held") == [released]
    assert fates(second) == {"already": 3}
    assert sum((await rig.bus.count_by_subject("waiting.>")).values()) == 2


async def test_an_older_event_does_not_take_the_place_of_a_newer_one_that_waits(rig: Rig) -> None:
    await rig.publish(b'{"key": "a", "n": 1}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, LATEST)
    await rig.publish(b'{"key": "a", "n": 2}')
    await rig.bus.wait_until_consumed("ingest", "EVENTS")

    (older, newer) = await rig.backfill("Latest")

    (waiting,) = [message async for message in rig.bus.read("latest.>")]
    assert StartWorkflow.model_validate_json(waiting.raw.body).input == {"key": "a", "n": 2}
    assert (older.fate, older.verdict, newer.fate) == ("taken", "debounced_into", "already")
    assert (await rig.verdicts(1))["Latest"] == ("debounced_into", True)


async def test_a_limit_ends_it_and_a_rate_paces_it(rig: Rig) -> None:
    await rig.publish(*(b'{"n": %d}' % number for number in range(10)))
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)

    begun = asyncio.get_running_loop().time()
    events = await rig.backfill("New", limit=4, rate=Rate.model_validate("10/s"))

    assert fates(events) == {"no_match": 1, "taken": 4}
    assert asyncio.get_running_loop().time() - begun > 0.29, "three pauses of 100 ms"


async def test_only_events_of_the_time_are_taken_and_it_is_known_from_when_on_they_are_kept(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 2}', b'{"n": 3}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)
    second, third = [await rig.bus.get("EVENTS", sequence) for sequence in (2, 3)]
    assert second is not None
    assert third is not None
    await rig.bus.delete("EVENTS", 1)

    plan = await Backfill.plan(rig.bus, "New", since=LONG_AGO, until=third.stored_at, rate=FAST, by="ada", dry_run=True)

    assert [it.stream_sequence async for it in plan.run()] == [2]
    assert plan.kept_since == second.stored_at
    later = second.stored_at + timedelta(milliseconds=1)
    assert [it.stream_sequence for it in await rig.backfill("New", since=later)] in ([3], [])


async def test_an_unknown_route_and_routes_that_change_meanwhile_are_named(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}', b'{"n": 2}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, NEW)

    with pytest.raises(NotFound, match="no route Nwe; there are: New, Old"):
        await rig.backfill("Nwe")
    plan = await Backfill.plan(
        rig.bus, "New", since=LONG_AGO, until=datetime.now(UTC), rate=FAST, by="ada", dry_run=False
    )
    running = plan.run()
    await anext(running)
    await rig.ingest(OLD, {**NEW, "when": "data.n > 1"})
    with pytest.raises(PerdureError, match="routes have changed"):
        await anext(running)
    assert [(it.act, it.counts) for it in await rig.acts()] == [("began", {}), ("ended", {"taken": 1})]


async def test_a_run_that_another_event_has_is_no_run_of_this_one(rig: Rig) -> None:
    await rig.publish(b'{"n": 1, "k": 1}', b'{"n": 2, "k": 1}')
    await rig.ingest(OLD)
    await rig.ingest(OLD, {**NEW, "workflow_id": "new-{data.k}"})
    (first,) = await rig.backfill("New", limit=1)
    await rig.ledger.mark_started((await rig.commands("New"))[0])

    one, other = await rig.backfill("New")

    assert (first.fate, one.fate, other.fate) == ("taken", "already", "already")
    assert other.reason == "run_exists"


async def test_a_run_that_the_route_started_under_another_id_is_its_run(rig: Rig) -> None:
    await rig.publish(b'{"n": 1}')
    await rig.ingest(NEW)
    await rig.ledger.mark_started((await rig.commands("New"))[0])
    await rig.ingest({**NEW, "workflow_id": "new-{data.n}"})

    (event,) = await rig.backfill("New")

    assert (event.fate, event.workflow_id) == ("already", (await rig.commands("New"))[0].workflow_id)
