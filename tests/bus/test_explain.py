"""What `perdure explain` reads of the streams: it finds what a text names, and cites the messages by their places."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from perdure.bus import Bus, MemoryKeyValue, RawMessage
from perdure.bus.views.run_lookup import NoRun, find_run
from perdure.bus.views.snapshots import AskedSources, snapshot_of
from perdure.contracts import (
    ApprovalRequested,
    DeadLetter,
    DeadLetterSettled,
    Decision,
    DeclaredSchedule,
    EventReference,
    EventVerdict,
    Notification,
    OtherEvent,
    PauseChanged,
    Policy,
    Progress,
    ProgressKind,
    Receipt,
    RouteVerdict,
    ScheduleChanged,
    StartWorkflow,
)
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecord, AuditRecordsFound
from perdure.contracts.runs import BROKEN_CODE, DESCRIBE_RUN, RunDescription, StuckRun
from perdure.contracts.schedules import LIST_SCHEDULES, Schedules, ScheduleState
from perdure.errors import Ambiguous, Unavailable
from perdure.explain import Explanation, explained
from perdure.record.export import Export
from perdure.record.export_files import FolderFiles
from perdure.record.recorded_streams import RecordedStreams
from perdure.values.short_code import short_code
from tests.support.exported import export_messages, recorded_messages

TYPE = "word.sent"
RUN = "order-7"
REQUEST = f"{RUN}.1"
NOW = datetime.now(UTC)


class World:
    """A bus with an orchestrator and an audit service that answer, and no ingest."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.bridge = MemoryKeyValue()
        self.records: list[AuditRecord] | None = []
        self.consuming = {"APPROVALS.notifier"}
        self.schedules: Schedules | None = None
        self.description: RunDescription | None = RunDescription(workflow_id=RUN, status="RUNNING")

    async def request(self, subject: str, _: bytes) -> bytes:
        if subject == DESCRIBE_RUN and self.description is not None:
            return self.description.model_dump_json().encode()
        if subject == LIST_SCHEDULES and self.schedules is not None:
            return self.schedules.model_dump_json().encode()
        if subject == AUDIT_RECORDS and self.records is not None:
            found = AuditRecordsFound(total=len(self.records), records=tuple(self.records))
            return found.model_dump_json().encode()
        if subject.startswith("$JS.API.CONSUMER.INFO."):
            waiting = int(subject.removeprefix("$JS.API.CONSUMER.INFO.") in self.consuming)
            return json.dumps({"num_waiting": waiting}).encode()
        raise Unavailable(f"No responder replies on {subject}.")

    def sources(self, within: float = 5) -> AskedSources:
        return AskedSources(self.bus, self.request, self.bridge, within=within)

    async def explain(self, text: str | int, route: str | None = None, *, within: float = 5) -> Explanation:
        return explained(await snapshot_of(self.sources(within), str(text), route=route))

    async def event(self, event_id: str = "e1", source: str = "test") -> int:
        headers = {"ce-specversion": "1.0", "ce-id": event_id, "ce-type": TYPE, "ce-source": source}
        return await self.bus.publish_raw(RawMessage(f"events.{TYPE}", b"{}", headers))

    async def judge(self, sequence: int, verdict: Any, **fields: Any) -> int:
        word = RouteVerdict(route="R", verdict=verdict, **fields)
        return await self.bus.publish(
            EventVerdict(event_id="e1", event_type=TYPE, stream_sequence=sequence, rules="b" * 64, routes=(word,))
        )

    async def start(self, sequence: int) -> int:
        reference = EventReference(id="e1", type=TYPE, source="test", stream_sequence=sequence)
        return await self.bus.publish(
            StartWorkflow(route="R", event=reference, workflow="W", workflow_id=RUN, digest="a" * 64)
        )

    async def tell(self, kind: ProgressKind, sequence: int = 1, run: str = RUN, **fields: Any) -> int:
        fact = Progress(
            workflow="W", workflow_id=run, run_id=run, sequence=sequence, kind=kind, event_id="e1", at=NOW, **fields
        )
        return await self.bus.publish(fact)

    async def refuse(self, sequence: int) -> int:
        refused = DeadLetter(
            service="ingest",
            reason="no_route",
            detail="No route is for word.sent.",
            original_subject=f"events.{TYPE}",
            stream="EVENTS",
            stream_sequence=sequence,
            at=NOW,
        )
        return await self.bus.publish(refused)

    async def schedule(self, days: int, act: Any, declared: DeclaredSchedule | None) -> int:
        at, rules = MONDAY + timedelta(days=days), f"{days + 10:064x}"
        change = {
            "act": act,
            "route": "R",
            "declared": declared,
            "rules": rules,
            "by": "perdure/orchestrator",
            "at": at,
        }
        return await self.bus.publish(ScheduleChanged.model_validate(change))

    async def ask_people(self) -> ApprovalRequested:
        request = ApprovalRequested(
            workflow="W",
            workflow_id=RUN,
            run_id=RUN,
            request_id=REQUEST,
            title="Send it",
            policy=Policy(people=("ada", "bob"), quorum=2),
            digest="c" * 64,
            opened_at=NOW - timedelta(seconds=1),
        )
        await self.bus.publish(request)
        return request

    async def vote(self, code: Any) -> tuple[Decision, int]:
        vote = Decision(
            workflow_id=RUN, request_id=REQUEST, decision="approve", approver="ada", digest="c" * 64, nonce="n.1"
        )
        place = await self.bus.publish(vote)
        receipt = Receipt(
            request_id=REQUEST, decision_id=vote.message_id, accepted=code == "accepted", code=code, reason="so it is"
        )
        await self.bus.publish(receipt)
        return vote, place


@pytest.fixture
def world(bus: Bus) -> World:
    return World(bus)


def parts(found: Explanation) -> list[str]:
    return list(dict.fromkeys(it.part for it in found.evidence))


async def test_an_event_is_followed_to_the_result_of_its_run_and_each_step_is_cited(world: World) -> None:
    sequence = await world.event()
    verdict, command = await world.judge(sequence, "started", workflow_id=RUN), await world.start(sequence)
    await world.tell("started")
    ending = await world.tell("completed", 2, result={"word": "hello"})

    by_id, by_place = await world.explain("e1"), await world.explain(f"EVENTS:{sequence}")
    by_verdict, by_command = await world.explain(f"VERDICTS:{verdict}"), await world.explain(f"COMMANDS:{command}")

    for found in (by_id, by_place, by_verdict, by_command):
        assert (found.about, found.answer.cause) == ("event", "completed")
        assert found.answer.why.places == (f"PROGRESS:{ending}",)
    places = {it.part: it.fact.places for it in by_id.evidence}
    assert (places["verdict"], places["command"]) == ((f"VERDICTS:{verdict}",), (f"COMMANDS:{command}",))
    assert parts(by_id) == ["event", "verdict", "command", "run", "result"]
    assert by_id.silent == ("ingest",)


async def test_a_run_is_known_by_its_id_and_by_its_beginning_and_has_its_event(world: World) -> None:
    sequence = await world.event()
    await world.judge(sequence, "started", workflow_id=RUN)
    last = await world.tell("started")

    for text in (RUN, RUN[:5], f"PROGRESS:{last}"):
        found = await world.explain(text)
        assert (found.about, found.answer.cause, parts(found)[:2]) == ("run", "running", ["event", "verdict"])


async def test_a_beginning_of_several_runs_is_refused(world: World) -> None:
    await world.tell("started", run="order-7")
    await world.tell("started", run="order-8")

    with pytest.raises(Ambiguous):
        await world.explain("order-")


async def test_a_text_that_is_the_id_of_one_run_and_the_code_of_another_is_refused(world: World) -> None:
    await world.tell("started")
    await world.tell("started", run=short_code(RUN))

    with pytest.raises(Ambiguous, match="names a run by its id, and another by its code"):
        await world.explain(short_code(RUN))


async def test_the_id_of_an_event_counts_more_than_the_beginning_of_a_run(world: World) -> None:
    sequence = await world.event("order")
    await world.judge(sequence, "no_match", detail="x is false")
    await world.tell("started")

    found = await world.explain("order")
    with pytest.raises(NoRun):
        await find_run(world.bus, "order")

    assert (found.about, found.answer.cause) == ("event", "no_match")


async def test_all_events_of_one_id_are_named(world: World) -> None:
    first = await world.event()
    await world.judge(first, "no_match", detail="x is false")
    second = await world.event()
    await world.judge(second, "duplicate_of", other=OtherEvent(stream_sequence=first))
    other = await world.event(source="elsewhere")

    found = await world.explain("e1")
    by_place = await world.explain(f"EVENTS:{second}")

    assert found.answer.became.places[0] == f"EVENTS:{other}"
    assert "2 other events have the same id" in found.answer.became.text
    assert set(found.answer.became.places) >= {f"EVENTS:{first}", f"EVENTS:{second}"}
    texts = [str(it.fact) for it in found.evidence if it.part == "same id"]
    assert texts == [
        f"{TYPE} with the id e1 of test [EVENTS:{second}]",
        f"{TYPE} with the id e1 of test [EVENTS:{first}]",
    ]
    assert "same id" not in parts(by_place)


async def test_a_run_that_no_orchestrator_knows_waits_for_one_and_the_source_is_named(world: World) -> None:
    await world.tell("started")
    world.description = None

    found = await world.explain(RUN)

    assert (found.answer.cause, found.silent) == ("waiting_worker", ("orchestrator",))


async def test_an_orchestrator_that_consumes_and_knows_nothing_of_a_run_waits_for_temporal(world: World) -> None:
    await world.tell("started")
    world.description = None
    world.consuming = {"COMMANDS.orchestrator"}

    found = await world.explain(RUN)

    assert (found.answer.cause, found.silent) == ("waiting_temporal", ("Temporal",))


async def test_people_whom_no_notifier_can_notify_are_said_to_be_asked_in_vain(world: World) -> None:
    await world.tell("waiting")
    await world.ask_people()
    world.consuming = set()

    found = await world.explain(REQUEST)

    assert (found.answer.cause, found.silent) == ("channel_down", ("notifier",))


async def test_an_orchestrator_that_cannot_load_the_code_is_named_with_its_reason(world: World) -> None:
    await world.tell("started")
    world.description = None
    await world.bridge.put(BROKEN_CODE, b"No module named no_such_module")

    found = await world.explain(RUN)

    assert (found.answer.cause, "no_such_module" in found.answer.why.text) == ("mended_code", True)


async def test_a_stuck_run_names_the_error_of_its_code(world: World) -> None:
    await world.tell("started")
    stuck = StuckRun(workflow="W", workflow_id=RUN, run_id=RUN, error="KeyError: 'x' (w.py:3)", since=NOW)
    place = await world.bus.publish_raw(RawMessage(stuck.subject, stuck.model_dump_json().encode(), {}))

    found = await world.explain(RUN)

    assert (found.answer.cause, found.answer.why.places) == ("mended_code", (f"STUCK:{place}",))


async def test_an_open_request_names_whose_vote_is_missing_and_what_was_sent(world: World) -> None:
    await world.tell("waiting")
    request = await world.ask_people()
    await world.vote("accepted")
    about = request.message_id
    await world.bus.publish(
        Notification(channel="mail", about=about, workflow_id=RUN, outcome="sent", sent_at=datetime.now(UTC))
    )

    by_request, by_run, by_place = [await world.explain(it) for it in (REQUEST, RUN, "APPROVALS:1")]

    for found in (by_request, by_run, by_place):
        assert found.answer.cause == "waiting_person"
        assert "1 missing, from bob" in found.answer.why.text
        assert parts(found)[-3:] == ["approval", "receipt", "notice"]
    assert (by_request.about, by_run.about, by_place.asked) == ("request", "run", "APPROVALS:1")


@pytest.mark.parametrize(("code", "cause"), [("accepted", "decision_accepted"), ("wrong_digest", "decision_refused")])
async def test_a_decision_is_known_by_its_id_its_place_and_its_receipt(world: World, code: str, cause: str) -> None:
    await world.ask_people()
    vote, place = await world.vote(code)

    for text in (vote.message_id, f"DECISIONS:{place}", "RECEIPTS:1"):
        found = await world.explain(text)
        assert (found.about, found.answer.cause) == ("decision", cause)
        assert found.answer.became.places == (f"DECISIONS:{place}", "RECEIPTS:1")


async def test_a_dead_letter_is_known_by_its_number_and_by_its_event_until_it_is_settled_and_after(
    world: World,
) -> None:
    sequence = await world.event()
    number = await world.refuse(sequence)
    before = [(await world.explain(it)).answer.cause for it in (number, f"DLQ:{number}", "e1")]
    about = {"number": number, "service": "ingest", "reason": "no_route", "original_subject": f"events.{TYPE}"}
    original = {"stream": "EVENTS", "stream_sequence": sequence}
    act = await world.bus.publish(
        DeadLetterSettled.model_validate({"act": "dropped", **about, **original, "by": "ops", "at": NOW})
    )
    await world.bus.delete("DLQ", number)
    after = await world.explain(number)

    assert before == ["no_route", "no_route", "no_route"]
    assert (after.answer.cause, after.answer.became.places) == ("dropped", (f"ADMIN:{act}",))


async def test_a_held_start_is_known_by_the_id_of_its_run(world: World) -> None:
    sequence = await world.event()
    await world.judge(sequence, "held", limit="max_open", place=2, workflow_id="R~e1~0a")

    found = await world.explain("R~e1~0a")

    assert (found.asked, found.about, found.answer.cause) == ("R~e1~0a", "event", "held_max_open")


async def test_a_route_that_did_not_take_an_event_is_asked_why(world: World) -> None:
    sequence = await world.event()
    verdict = await world.judge(sequence, "no_match", detail="data.price > 5 is false: 3")

    known, unknown = await world.explain("e1", "R"), await world.explain(f"EVENTS:{sequence}", "Q")

    assert (known.answer.cause, unknown.answer.cause) == ("no_match", "not_named")
    assert f"VERDICTS:{verdict}" in known.answer.why.places


@pytest.mark.parametrize("text", ["nothing", "9", "DLQ:9", "EVENTS:9", "a.1", "a.1.b.c", "R~x~y", "=", "VERDICTS:4"])
async def test_what_is_not_there_is_unknown(world: World, text: str) -> None:
    found = await world.explain(text)

    assert (found.about, found.answer.cause, found.silent) == ("nothing", "unknown", ())


async def test_a_stream_that_does_not_answer_is_named_and_delays_the_rest_by_no_more_than_its_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.tell("waiting")

    async def hang(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("perdure.bus.views.snapshots.people.request_records", hang)
    found = await world.explain(RUN, within=0.2)

    assert "APPROVALS" in found.silent
    assert found.about == "run"


async def test_a_message_that_cannot_be_read_hides_nothing_else(world: World) -> None:
    await world.tell("started")
    await world.bus.publish_raw(RawMessage("alerts.W.x", b"no json", {}))

    assert (await world.explain("ALERTS:1")).answer.cause == "unknown"
    assert (await world.explain(RUN)).answer.cause == "running"


async def test_what_the_streams_have_lost_is_explained_from_the_audit_record(world: World) -> None:
    sequence = await world.event()
    await world.judge(sequence, "started", workflow_id=RUN)
    await world.start(sequence)
    await world.tell("started")
    ending = await world.tell("failed", 2, error="no such file")
    subjects = {"EVENTS": "events.>", "VERDICTS": "verdicts.>", "COMMANDS": "commands.>", "PROGRESS": "progress.>"}
    recorded = []
    for subject in subjects.values():
        recorded += [message async for message in world.bus.read(subject)]
    for message in recorded:
        await world.bus.delete(message.stream, message.sequence)
    world.records = [
        AuditRecord(
            position=position,
            stream=it.stream,
            sequence=it.sequence,
            subject=it.raw.subject,
            stored_at=it.stored_at,
            headers=dict(it.raw.headers),
            body=it.raw.body,
        )
        for position, it in enumerate(recorded, 1)
    ]

    found = await world.explain("e1")
    world.records = None
    silent = await world.explain("e1")

    assert (found.about, found.answer.cause, found.answer.why.places) == ("event", "failed", (f"PROGRESS:{ending}",))
    assert parts(found) == ["event", "verdict", "command", "run", "result"]
    assert (silent.answer.cause, "audit" in silent.silent) == ("silent", True)


async def test_a_record_explains_what_its_bus_does_with_the_leaf_of_each_message(world: World, tmp_path: Path) -> None:
    sequence = await world.event()
    await world.judge(sequence, "started", workflow_id=RUN)
    await world.start(sequence)
    await world.tell("waiting", step="go")
    await world.ask_people()
    vote, _ = await world.vote("accepted")
    small = await world.event("small")
    await world.judge(small, "no_match", detail="x is false")
    letters = [await world.refuse(await world.event(name)) for name in ("lost", "settled")]
    act = {"act": "dropped", "number": letters[1], "service": "ingest", "reason": "no_route", "by": "ops", "at": NOW}
    about = {"original_subject": f"events.{TYPE}", "stream": "EVENTS", "stream_sequence": sequence + 3}
    await world.bus.publish(DeadLetterSettled.model_validate({**act, **about}))
    recorded = [message async for message in recorded_messages(world.bus)]
    leaves = export_messages(tmp_path / "record", recorded)
    await world.bus.delete("DLQ", letters[1])
    streams = RecordedStreams(Export(FolderFiles(tmp_path / "record")).records())
    asked = ("e1", RUN, RUN[:5], REQUEST, vote.message_id, "small", f"EVENTS:{small}", "lost", "2", "nobody")

    for text in asked:
        online = await world.explain(text)
        found = explained(await snapshot_of(AskedSources(streams), text))
        cited = found.with_leaves(streams.leaves_of(found.places))

        assert (found.answer, found.about) == (online.answer, online.about), text
        assert "silent" not in found.answer.cause
        assert found.silent == ()
        assert all(
            leaves[place] == leaf
            for it in cited.evidence
            for place, leaf in zip(it.fact.places, it.fact.leaves, strict=True)
        )
        assert cited.without_leaf == []


async def test_a_request_whose_notice_waits_behind_others_in_a_failing_channel_names_the_failure(world: World) -> None:
    await world.tell("waiting", step="go")
    about = (await world.ask_people()).message_id
    await world.bus.publish_raw(RawMessage("notices.mail.normal", b"{}", {"Nats-Msg-Id": "mail.another"}))
    await world.bus.publish_raw(RawMessage("notices.mail.normal", b"{}", {"Nats-Msg-Id": f"mail.{about}"}))
    await world.bus.publish_raw(RawMessage("notices.desk.normal", b"{}", {"Nats-Msg-Id": "desk.another"}))
    before = await world.explain(RUN)
    fields: dict[str, Any] = {"about": "another", "workflow_id": "W~other", "sent_at": NOW}
    place = await world.bus.publish(
        Notification(channel="mail", outcome="retried", detail="connection refused", **fields)
    )
    await world.bus.publish(Notification(channel="desk", outcome="retried", detail="not ours", **fields))
    failing = await world.explain(RUN)
    await world.bus.publish(Notification(channel="mail", outcome="sent", **fields))
    works = await world.explain(RUN)

    assert [it.answer.cause for it in (before, failing, works)] == ["waiting_person", "channel_down", "waiting_person"]
    assert "channel mail fails since" in failing.answer.why.text
    assert "connection refused" in failing.answer.why.text
    assert "not ours" not in failing.answer.why.text
    assert f"NOTIFICATIONS:{place}" in failing.answer.why.places


async def test_a_pause_of_the_suite_explains_what_waits_and_not_what_is_over(world: World) -> None:
    await world.tell("started")
    pause = PauseChanged(what="suite", act="paused", reason="doubles", by="ada", at=NOW)
    place = await world.bus.publish(pause)
    waits = await world.explain(RUN)
    await world.bus.publish(pause.model_copy(update={"act": "resumed", "at": NOW + timedelta(seconds=1)}))
    goes_on = await world.explain(RUN)
    await world.bus.publish(pause.model_copy(update={"at": NOW + timedelta(seconds=2)}))
    await world.tell("completed", 2)
    over = await world.explain(RUN)

    assert [it.answer.cause for it in (waits, goes_on, over)] == ["paused", "running", "completed"]
    assert waits.answer.why.places == (f"ADMIN:{place}",)


DAILY = DeclaredSchedule(cron="0 6 * * MON-FRI", timezone="Europe/Zurich", catch_up_seconds=3600)
MONDAY = datetime(2026, 11, 23, 5, tzinfo=UTC)  # 06:00 in Zurich
NEXT = datetime(2037, 1, 5, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "state", "cause", "why"),
    [
        ([], {}, "due_missed", "paused at Temporal"),
        ([], {"missed": 3}, "due_missed", "later than `catch_up` allows, and missed 3 due times"),
        ([], {"paused": "an incident"}, "due_paused", "an incident"),
        ([(-1, "paused", DAILY.model_copy(update={"paused": True}))], {}, "due_paused", "The file pauses the schedule"),
        ([(-1, "changed", DAILY.model_copy(update={"cron": "0 7 * * *"}))], {}, "not_due", "its cron is 0 7"),
        ([(-1, "removed", None)], None, "not_due", "had no schedule then"),
        ([(1, "changed", DAILY.model_copy(update={"cron": "0 7 * * *"}))], {}, "due_missed", "the file changed before"),
        ([], None, "due_late", "No orchestrator"),
    ],
)
@pytest.mark.parametrize("asked", [("R@2026-11-23T05:00:00Z", None), ("2026-11-23T06:00+01:00", "R")], ids=str)
async def test_a_due_time_without_event_tells_why_and_when_the_next_one_is(  # noqa: PLR0913, PLR0917 (a table)
    world: World,
    asked: tuple[str, str | None],
    changes: list[tuple[int, Any, DeclaredSchedule | None]],
    state: dict[str, Any] | None,
    cause: str,
    why: str,
) -> None:
    await world.schedule(-9, "created", DAILY)
    for days, act, declared in changes:
        await world.schedule(days, act, declared)
    if state is not None:
        next_ = () if "paused" in state else (NEXT,)
        world.schedules = Schedules(schedules=(ScheduleState(route="R", next=next_, **state),))

    found = await world.explain(*asked)

    assert (found.asked, found.about) == ("R@2026-11-23T05:00:00Z", "due_time")
    assert (found.answer.cause, why in found.answer.why.text) == (cause, True), found.answer
    assert "perdure publish schedules.R" in found.answer.remedy.text or cause == "due_late"
    if state == {} or (state and "missed" in state):
        assert "due next at 2037-01-05 05:00:00 UTC" in found.answer.remedy.text
    assert all(it.startswith("ADMIN:") for it in found.answer.why.places)
    assert ("orchestrator" in found.silent) == (state is None)


async def test_a_due_time_that_has_its_event_or_will_have_it_or_is_none_is_told_apart(world: World) -> None:
    await world.schedule(-9, "created", DAILY)
    world.schedules = Schedules(schedules=(ScheduleState(route="R", next=(NEXT,)),))
    sequence = await world.event("R@2026-11-23T05:00:00Z")
    await world.judge(sequence, "no_match", detail="x is false")

    found = [
        await world.explain(*it)
        for it in (
            ("2026-11-23T06:00:00+01:00", "R"),
            ("R@2026-11-23T06:00:00+01:00",),
            ("2037-01-05T05:00Z", "R"),
            ("R@2026-11-22T05:00:00Z",),
            ("2026-11-01T05:00:00Z", "R"),
            ("Other@2026-11-23T05:00:00Z",),
            ("R@soon",),
        )
    ]

    causes = [it.answer.cause for it in found]
    assert causes == ["no_match", "no_match", "due_later", "not_due", "not_due", "unknown", "unknown"]
    assert "only since 2026-11-14" in found[4].answer.why.text


async def test_a_run_that_is_open_where_a_record_ends_is_said_to_be(world: World, tmp_path: Path) -> None:
    place = await world.tell("started")
    export_messages(tmp_path / "record", [message async for message in recorded_messages(world.bus)])
    streams = RecordedStreams(Export(FolderFiles(tmp_path / "record")).records())

    found = explained(await snapshot_of(AskedSources(streams), RUN))

    assert (found.answer.cause, found.unrecorded) == ("running", ("STUCK", "orchestrator"))
    assert found.answer.why.places == (f"PROGRESS:{place}",)
    assert "not in a record" in found.answer.why.text


async def test_a_route_is_asked_about_events_only(world: World) -> None:
    place = await world.tell("started")

    found = await world.explain(f"PROGRESS:{place}", "R")

    assert (found.about, "No event is known" in found.answer.became.text) == ("nothing", True)
