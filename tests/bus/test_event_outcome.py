"""What has become of an event: its runs, its dead letter, or that it waits; and the answer to who asks."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.bus import Bus, MemoryBus, MemoryKeyValue, RawMessage, StoredMessage, write_event
from perdure.bus.dead_letter import make_dead_letter, publish_dead_letter
from perdure.bus.views.event_runs import find_event
from perdure.bus.views.run_lookup import NoRun, RunNotBegun, find_run
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.routes import Route
from perdure.contracts import (
    BackfillRan,
    DeadLetter,
    Event,
    EventReference,
    EventVerdict,
    OtherEvent,
    Progress,
    ProgressKind,
    RouteVerdict,
    SignalWorkflow,
    StartWorkflow,
    VerdictKind,
)
from perdure.contracts.outcomes import EVENT_OUTCOME, EventOutcome
from perdure.values.run_id import default_run_id
from perdure_ingest.identity import event_digest
from perdure_ingest.outcomes import outcome_responder
from perdure_ingest.rules import compile_rules

TYPE = "word.sent"
RUN = default_run_id("R", "42", "test")
RULES = compile_rules([Route(name="R", on=TYPE, start="W")])
NOW = datetime.now(UTC)
BACKFILL = BackfillRan(
    act="began",
    backfill="20261129T101500Z-4fa1",
    route="R",
    rules="b" * 64,
    since=NOW,
    until=NOW,
    rate=1,
    by="a",
    at=NOW,
)


class Asked:
    """An event on a bus, the commands and facts that follow, and the reply to a question about it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.ledger = StartLedger(MemoryKeyValue())
        self.responder = outcome_responder(bus, self.ledger, RULES)

    async def publish(self, event_id: str = "42", data: Any = None, **headers: str) -> int:
        cloud = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": TYPE, "ce-source": "test", **headers}
        return await self.bus.publish_raw(RawMessage(f"events.{TYPE}", json.dumps(data).encode(), cloud))

    def reference(self, sequence: int, event_id: str = "42") -> EventReference:
        return EventReference(id=event_id, type=TYPE, source="test", stream_sequence=sequence)

    async def start(self, sequence: int, run: str = "order-7", digest: str = "a") -> StartWorkflow:
        command = StartWorkflow(
            route="R", event=self.reference(sequence), workflow="W", workflow_id=run, digest=digest * 64
        )
        await self.bus.publish(command)
        return command

    async def tell(self, kind: ProgressKind, sequence: int = 1, run: str = "order-7", **fields: Any) -> None:
        fields = {"run_id": run, "at": datetime.now(UTC), **fields}
        await self.bus.publish(Progress(workflow="W", workflow_id=run, sequence=sequence, kind=kind, **fields))

    async def ask(self, type_: str = TYPE, **query: Any) -> EventOutcome:
        body = json.dumps(query).encode()
        return EventOutcome.model_validate_json(
            await self.responder.respond(RawMessage(f"{EVENT_OUTCOME}.{type_}", body, {}))
        )

    async def state(self) -> str:
        return (await self.ask(id="42")).state


@pytest.fixture
def asked(bus: Bus) -> Asked:
    return Asked(bus)


async def test_headers_that_are_no_utf8_hide_no_other_event() -> None:
    bus = MemoryBus()
    good = write_event(Event(id="e1", type="a.b", source="s", data=1))
    await bus.publish_raw(good)
    await bus.publish_raw(RawMessage("events.a.b", b"{}", {"ce-specversion": "1.0", "ce-id": "%C0%A0"}))

    found = await find_event(bus, "e1", type_="a.b", source=None, most=10)

    assert found is not None
    assert found.raw == good


async def test_the_state_follows_the_event_to_the_result_of_its_run(asked: Asked) -> None:
    states = [await asked.state()]
    sequence = await asked.publish()
    states.append(await asked.state())
    await asked.start(sequence)
    states.append(await asked.state())
    await asked.tell("started")
    states.append(await asked.state())
    await asked.tell("completed", 2, result={"word": "hello"})
    ended = await asked.ask(id="42")

    assert [*states, ended.state] == ["unknown", "accepted", "accepted", "running", "completed"]
    (run,) = ended.runs
    assert (run.workflow_id, run.workflow, run.kind, run.action) == ("order-7", "W", "completed", "started")
    assert (run.result, ended.stream_sequence) == ({"word": "hello"}, sequence)


async def test_an_event_of_two_runs_ends_when_both_have(asked: Asked) -> None:
    sequence = await asked.publish()
    for run in ("one", "two"):
        await asked.start(sequence, run)
    await asked.tell("completed", run="one")
    states = [await asked.state()]
    await asked.tell("started", run="two")
    states.append(await asked.state())
    await asked.tell("failed", 2, run="two")

    assert [*states, await asked.state()] == ["running", "running", "failed"]


async def test_an_event_that_signals_says_which_run(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.tell("started", run="cart")
    reference = asked.reference(sequence)
    await asked.bus.publish(
        SignalWorkflow(route="S", event=reference, workflow_id="cart", digest="a" * 64, signal="add")
    )

    outcome = await asked.ask(id="42")

    assert [(run.workflow_id, run.action, run.kind) for run in outcome.runs] == [("cart", "signalled", "started")]


async def test_a_dead_letter_is_the_outcome(asked: Asked) -> None:
    sequence = await asked.publish()
    number = await asked.bus.publish(
        DeadLetter(
            service="ingest",
            reason="bad_data",
            detail="No path.",
            original_subject=f"events.{TYPE}",
            stream="EVENTS",
            stream_sequence=sequence,
            at=datetime.now(UTC),
        )
    )

    outcome = await asked.ask(id="42")

    assert outcome.state == "dead_letter"
    assert outcome.refused is not None
    assert (outcome.refused.number, outcome.refused.reason, outcome.refused.detail) == (number, "bad_data", "No path.")


async def test_a_second_event_of_the_id_never_gets_the_result_of_the_first(asked: Asked) -> None:
    first = await asked.publish(data=1)
    command = await asked.start(first, digest="a")
    await asked.ledger.claim(command)
    await asked.tell("completed", result="of the first")
    second = await asked.publish(data=2)
    await asked.start(second, digest="b")

    outcome = await asked.ask(id="42", stream_sequence=second)

    assert (outcome.state, outcome.runs) == ("accepted", ())
    assert (await asked.ask(id="42", stream_sequence=first)).runs[0].result == "of the first"


async def test_a_repetition_has_the_run_of_the_first_and_other_data_under_its_id_has_not(asked: Asked) -> None:
    """Long after the first: EVENTS stores it again, COMMANDS not, or not yet."""
    first = await asked.publish(data=1)
    started, digest = await asked.start(first, RUN), event_digest(Event(id="42", type=TYPE, source="test", data=1))
    await asked.ledger.claim(started.model_copy(update={"digest": digest}))
    await asked.tell("completed", run=RUN, result="of 1")
    again, other = await asked.publish(data=1), await asked.publish(data=2)

    repeated, new = [await asked.ask(id="42", stream_sequence=sequence) for sequence in (again, other)]

    assert [(run.workflow_id, run.result) for run in repeated.runs] == [(RUN, "of 1")]
    assert (new.state, new.runs) == ("accepted", ())


def about(sequence: int, *routes: RouteVerdict, change: bool = False, unreported: int = 0) -> EventVerdict:
    return EventVerdict(
        event_id="42",
        event_type=TYPE,
        stream_sequence=sequence,
        rules="a" * 64,
        routes=routes,
        change=change,
        unreported=unreported,
    )


def judged(verdict: VerdictKind, route: str = "R", **fields: Any) -> RouteVerdict:
    return RouteVerdict(route=route, verdict=verdict, **fields)


async def test_an_event_that_no_route_runs_is_settled_and_says_why(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.bus.publish(about(sequence, judged("no_match", detail="x is false"), judged("held", "S")))
    waiting = await asked.state()
    await asked.bus.publish(about(sequence, judged("skipped", "S", workflow_id="busy"), change=True))

    outcome = await asked.ask(id="42")

    assert (waiting, outcome.state, outcome.is_settled) == ("accepted", "no_run", True)
    assert [(it.route, it.verdict) for it in outcome.verdicts] == [("R", "no_match"), ("S", "skipped")]
    with pytest.raises(NoRun, match=r"R: no_match: x is false; S: skipped"):
        await find_run(asked.bus, "42")


async def test_a_route_without_verdicts_leaves_open_whether_a_run_comes(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.bus.publish(about(sequence, judged("no_match"), unreported=1))

    assert await asked.state() == "accepted"


async def test_a_later_event_of_a_batch_has_the_outcome_of_its_run(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.tell("started", run="batch-1")
    await asked.tell("completed", 2, run="batch-1", result=[1, 2])
    await asked.bus.publish(about(sequence, judged("batched_into", workflow_id="batch-1"), change=True))
    await asked.bus.publish(about(sequence, judged("held", limit="batch", place=2)))  # stored late: it is no last word

    outcome = await asked.ask(id="42")

    (run,) = outcome.runs
    assert (outcome.state, run.workflow_id, run.action, run.result) == ("completed", "batch-1", "batched", [1, 2])


async def test_who_asks_about_a_held_event_reads_no_verdict_on_others(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequence = await asked.publish()
    await asked.bus.publish(about(sequence, judged("held", limit="max_open", place=3)))
    for other in range(300):
        await asked.bus.publish(about(1_000 + other, judged("started")))
    read, sizes = asked.bus.read_range, []

    async def counted(subject: str, **window: Any) -> AsyncIterator[StoredMessage]:
        async for message in read(subject, **window):
            sizes.append(len(message.raw.body))
            yield message

    monkeypatch.setattr(asked.bus, "read_range", counted)

    assert [it.verdict for it in (await asked.ask(id="42")).verdicts] == ["held"]
    assert sum(map(bool, sizes)) < 3


async def test_a_run_that_has_begun_is_held_no_more_wherever_its_release_is_stored(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.bus.publish(about(sequence, judged("held", workflow_id="order-7")))
    await asked.tell("completed", event_id="41")
    of_another = await asked.state()
    await asked.tell("completed", 2, event_id="42", run_id="later")

    assert (of_another, await asked.state()) == ("accepted", "completed")


async def test_an_event_that_one_route_still_holds_has_not_ended(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.start(sequence)
    await asked.tell("completed")
    await asked.bus.publish(about(sequence, judged("started"), judged("held", "S", limit="max_open", place=3)))
    running = await asked.state()
    await asked.bus.publish(about(sequence, judged("released", "S"), change=True))

    assert (running, await asked.state()) == ("running", "completed")


async def test_who_looks_for_the_run_of_a_held_event_learns_what_holds_it(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.bus.publish(about(sequence, judged("held", limit="max_open", place=3)))

    with pytest.raises(RunNotBegun, match=r"route R holds it by max_open, as number 3 in line"):
        await find_run(asked.bus, "42")


async def test_a_repetition_has_the_run_of_the_event_that_its_verdict_names(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.tell("completed", run="other")
    first = OtherEvent(stream_sequence=1)
    await asked.bus.publish(about(sequence, judged("duplicate_of", workflow_id="other", other=first)))

    assert [run.workflow_id for run in (await asked.ask(id="42")).runs] == ["other"]


async def test_only_the_event_that_is_named_is_found(asked: Asked) -> None:
    sequence = await asked.publish()

    known = [
        await asked.ask(stream_sequence=sequence),
        await asked.ask(id="42", source="test"),
        await asked.ask(id="42", source="test", stream_sequence=sequence),
    ]
    unknown = [
        await asked.ask(id="41", stream_sequence=sequence),
        await asked.ask(id="42", source="other"),
        await asked.ask(id="42", source="other", stream_sequence=sequence),
        await asked.ask("other.type", id="42", stream_sequence=sequence),
        await asked.ask("other.type", id="42"),
        await asked.ask("word.>", id="42"),
        await asked.ask("word.*", id="42", stream_sequence=sequence),
        await asked.ask(id="42", stream_sequence=sequence + 1),
    ]

    assert {outcome.state for outcome in known} == {"accepted"}
    assert {(outcome.state, outcome.stream_sequence) for outcome in unknown} == {("unknown", None)}


async def test_a_question_that_names_no_event_gets_a_sentence(asked: Asked) -> None:
    assert "name the event" in str((await asked.ask()).problem)


async def test_results_that_fit_no_reply_are_left_out(asked: Asked) -> None:
    sequence = await asked.publish()
    await asked.start(sequence)
    await asked.tell("completed", result="x" * 600_000)

    (run,) = (await asked.ask(id="42")).runs

    assert (run.kind, run.result) == ("completed", None)
    assert "too large" in str(run.error)


async def test_the_digest_is_that_of_the_data_whatever_the_order_of_its_keys(asked: Asked) -> None:
    one, two, other = [
        await asked.publish(str(number), data)
        for number, data in enumerate(({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}))
    ]

    digests = [(await asked.ask(stream_sequence=sequence)).data_digest for sequence in (one, two, other)]

    assert digests[0] == digests[1] != digests[2]


async def test_an_event_that_a_backfill_took_after_its_dead_letter_has_its_run(asked: Asked) -> None:
    sequence = await asked.publish()
    message = await asked.bus.get("EVENTS", sequence)
    assert message is not None
    await asked.bus.publish(about(sequence).model_copy(update={"refused": "no_route"}))
    await publish_dead_letter(asked.bus, make_dead_letter(message, "no_route", "none", service="ingest"))
    refused = await asked.state()
    await asked.bus.publish(BACKFILL)
    taken = judged("started", workflow_id="order-7", backfill=BACKFILL.backfill)
    await asked.bus.publish(about(sequence, taken, change=True))
    await asked.tell("completed", event_id="42", result=1)

    outcome = await asked.ask(id="42")

    assert (refused, outcome.state, outcome.refused) == ("dead_letter", "completed", None)
    assert [(it.workflow_id, it.result) for it in outcome.runs] == [("order-7", 1)]
    assert await find_run(asked.bus, "42") == "order-7"
