"""Each cause has its word, its reason and its remedy; each sentence rests on messages that it names."""

import re
from typing import get_args

import pytest

from perdure.contracts import Limit, OtherEvent, ReceiptCode, VerdictKind
from perdure.explain import Cause, Cited, FactSnapshot, explained
from tests.support import snapshots as on

ELSEWHERE = on.described(build="b1", polling=("b2",), task_queue="perdure")
NOBODY = on.described(build="b1", polling=(), task_queue="perdure")
VOTED = (("ada", "approve"),)
STUCK = on.of_run(on.ran("started", stuck=on.stuck()))
PAYING = on.of_run(on.ran("note", on.described(failure="x", activity="pay")))
SIGNAL = on.of_run(on.ran("waiting", on.described(), step="go"))
APPROVED = on.of_request(on.request(VOTED, state="approved"))
ASKED = on.of_event(on.judged("no_match", detail="x is false"), route="R")
NEWER = OtherEvent(stream_sequence=9)


def held(limit: Limit | None) -> FactSnapshot:
    return on.of_event(on.judged("held", limit=limit, place=2, workflow_id=on.RUN))


NOTHING_HAPPENED: list[tuple[Cause, str, str, FactSnapshot]] = [
    ("no_route", r"no_route", r"Add a route .* dlq resend 3", on.of_event(facts=on.refused_event("no_route"))),
    (
        "no_match",
        r"data\.price > 5 is false: 3",
        r"Change `when` of route R .* routes backfill R",
        on.of_event(on.judged("no_match", detail="data.price > 5 is false: 3")),
    ),
    ("held_window", r"window of the route is closed", r"when the window opens", held("window")),
    ("held_rate", r"`rate` is used up", r"raise `flow\.rate`", held("rate")),
    ("held_max_open", r"`max_open` allows", r"raise `flow\.max_open`", held("max_open")),
    ("held_max_open_per_key", r"with its key are open", r"runs list --key", held("max_open_per_key")),
    ("held_singleton", r"is a `singleton`", r"when that run ends", held("singleton")),
    ("held_debounce", r"no further event of its key", r"after that pause", held("debounce")),
    ("held_batch", r"batch .* is not full", r"when it is full or its time is over", held("batch")),
    ("held_pause", r"operator has paused the route", r"`perdure routes resume`", held("pause")),
    ("held", r"turn .* has to come", r"perdure routes waiting", held(None)),
    (
        "skipped",
        r"a run of its key is open",
        r"perdure explain R~41",
        on.of_event(
            on.judged("held"),
            on.judged("skipped", change=True, workflow_id="R~41", detail="a run of its key is open"),
        ),
    ),
    (
        "cancelled_start",
        r"an operator",
        r"publish the event again under a new id",
        on.of_event(on.judged("held"), on.judged("cancelled", change=True, detail="an operator cancelled it")),
    ),
    (
        "debounced",
        r"debounced_into",
        r"perdure explain EVENTS:9",
        on.of_event(on.judged("held"), on.judged("debounced_into", change=True, other=NEWER)),
    ),
    (
        "duplicate",
        r"duplicate_of",
        r"perdure explain EVENTS:2",
        on.of_event(
            on.judged("duplicate_of", other=OtherEvent(stream_sequence=2)),
            facts=on.event("completed"),
            runs=(on.ran("completed"),),
        ),
    ),
    (
        "waiting_person",
        r"takes 2 approvals, has that of ada: 1 missing, from bob",
        r"perdure approve R~42\.1",
        on.of_event(on.judged("started"), runs=(on.ran("waiting"),), requests=(on.request(VOTED),)),
    ),
    (
        "paused",
        r"paused since 2026-11-30 .* by ada: the bank reports doubles",
        r"`perdure resume`",
        on.of_event(on.judged("started"), runs=(on.ran("waiting"),), requests=(on.request(VOTED),), pause=on.pause()),
    ),
    (
        "waiting_worker",
        r"No worker polls the task queue perdure",
        r"perdure up",
        on.of_event(on.judged("started"), runs=(on.ran("step_started", NOBODY),)),
    ),
    (
        "waiting_worker",
        r"No orchestrator answers",
        r"perdure up",
        on.of_run(on.ran("step_started"), silent=("orchestrator",)),
    ),
    (
        "waiting_version",
        r"version b1, of which no worker is alive; b2 is",
        r"worker of version b1, .*perdure deploy",
        on.of_run(on.ran("step_started", ELSEWHERE)),
    ),
    (
        "waiting_server",
        r"call_tool is at attempt 4; the last one failed: connection refused",
        r"mend that server",
        on.of_run(on.ran("step_started", on.described(failure="connection refused"))),
    ),
    (
        "channel_down",
        r"Nobody could be notified yet: channel mail fails since .*, and tries again: connection refused\. It takes",
        r"Mend the channel",
        on.of_request(on.request(), notices=(on.notice("retried", "connection refused"),)),
    ),
    (
        "channel_down",
        r"channel mail failed: 550 no such box",
        r"Mend the channel",
        on.of_request(on.request(), notices=(on.notice("failed", "550 no such box"),)),
    ),
    ("dead_letter", r"bad_data\): data\.price", r"dlq resend 3", on.of_event(facts=on.refused_event("bad_data"))),
    (
        "paused",
        r"It is paused since today by ops: the bank asks",
        r"perdure runs resume R~42",
        on.of_run(on.ran("started", on.described(status="PAUSED", paused="paused since today by ops: the bank asks"))),
    ),
    ("waiting_temporal", r"no answer from Temporal", r"perdure up", on.of_run(on.ran("started"), silent=("Temporal",))),
    ("channel_down", r"No notifier runs", r"perdure up", on.of_request(on.request(), silent=("notifier",))),
    ("delayed", r"start_delay", r"Wait", on.of_run(on.ran(None, on.described(begins_at=on.NOW)))),
    ("unknown", r"never stored, or has expired", r"Compare the id", FactSnapshot("nope", "nothing")),
    ("not_read", r"No ingest service answers", r"Start ingest", on.of_event(silent=("ingest",))),
    ("not_read", r"Ingest has not come to it", r"Wait some seconds", on.of_event()),
]

SOMETHING_HAPPENED: list[tuple[Cause, str, str, FactSnapshot]] = [
    (
        "completed",
        r'returned \{"word": "hello"\}',
        r"perdure result R~42",
        on.of_event(on.judged("started"), runs=(on.ran("completed", result={"word": "hello"}),)),
    ),
    (
        "failed",
        r"no such file",
        r"perdure runs show R~42.*perdure runs retry R~42",
        on.of_run(on.ran("failed", error="no such file")),
    ),
    ("timed_out", r"too slow", r"under a new id", on.of_run(on.ran("timed_out", error="too slow"))),
    (
        "mended_code",
        r"KeyError: 'name' \(greetings\.py:21\)",
        r"deploy",
        STUCK,
    ),
    (
        "mended_code",
        r"No module named x",
        r"deploy",
        on.of_run(on.ran("started"), broken_code="No module named x"),
    ),
    (
        "waiting_step",
        r"attempt 4",
        r"tries again",
        PAYING,
    ),
    (
        "waiting_signal",
        r"signal or a time: go",
        r"runs signal",
        SIGNAL,
    ),
    ("waiting_start", r"has no such run", r"ask again", on.of_run(on.ran(None, on.described(status=None)))),
    ("waiting_start", r"starts W", r"ask again", on.of_event(on.judged("started", detail="starts W"))),
    ("lost", r"was deleted at Temporal", r"new id", on.of_run(on.ran("started", on.described(status=None)))),
    ("running", r"has its next step", r"perdure watch", on.of_run(on.ran("step_completed", on.described()))),
    ("batched", r"batched_into", r"Wait", on.of_event(on.judged("batched_into", workflow_id="R~b"))),
    (
        "approved",
        r"those of ada \(approve\)",
        r"perdure explain R~42",
        APPROVED,
    ),
    ("expired", r"nobody answered", r"a new run", on.of_request(on.request(state="expired", reason="nobody answered"))),
    ("decision_waiting", r"not judged it yet", r"Wait", on.decided()),
    ("decision_waiting", r"No orchestrator answers", r"do not send", on.decided(silent=("orchestrator",))),
    ("decision_accepted", r"because", r"Nothing", on.decided(on.receipt("accepted"))),
    ("decision_refused", r"because", r"key that is not revoked", on.decided(on.receipt("revoked_key"))),
    (
        "dead_letter",
        r"bad_data",
        r"dlq resend 3",
        FactSnapshot("DLQ:3", "dead_letter", dead_letters=(on.dead_letter(),)),
    ),
    ("resent", r"had refused", r"explain EVENT`", FactSnapshot("3", "dead_letter", settlements=(on.act("resent"),))),
    ("dropped", r"had refused", r"new id", FactSnapshot("3", "dead_letter", settlements=(on.act("dropped"),))),
    ("dropped", r"had refused", r"new id", on.of_event(settlements=(on.act("dropped"),))),
    (
        "not_named",
        r"No route Q was for events of the type word\.sent",
        r"routes backfill Q",
        on.of_event(on.judged("no_match"), route="Q"),
    ),
    (
        "no_match",
        r"x is false",
        r"`when` of route R",
        ASKED,
    ),
    ("silent", r"VERDICTS did not answer", r"doctor", on.of_event(silent=("VERDICTS",))),
    ("silent", r"EVENTS did not answer", r"doctor", FactSnapshot("nope", "nothing", silent=("EVENTS",))),
]
CASES = NOTHING_HAPPENED + SOMETHING_HAPPENED


@pytest.mark.parametrize(
    ("cause", "why", "remedy", "snapshot"), CASES, ids=[f"{place}-{it[0]}" for place, it in enumerate(CASES)]
)
def test_each_cause_has_its_reason_and_its_remedy(cause: Cause, why: str, remedy: str, snapshot: FactSnapshot) -> None:
    answer = explained(snapshot).answer

    assert answer.cause == cause
    assert re.search(why, answer.why.text)
    assert re.search(remedy, answer.remedy.text)


@pytest.mark.parametrize("snapshot", [it[3] for it in CASES if it[3].about != "nothing"])
def test_a_sentence_cites_only_what_the_snapshot_holds_and_some_message_where_there_is_one(
    snapshot: FactSnapshot,
) -> None:
    found = explained(snapshot)
    answer = found.answer
    cited = {place for it in (answer.became, answer.why, answer.remedy) for place in it.places}
    has_place = snapshot.about != "run" or snapshot.runs[0].last is not None

    assert bool(cited) == has_place
    assert {place for place in cited if not re.fullmatch(r"[A-Z]+:\d+", place)} == set()


@pytest.mark.parametrize("snapshot", [it[3] for it in CASES])
def test_each_is_a_full_sentence_of_one_line(snapshot: FactSnapshot) -> None:
    answer = explained(snapshot).answer

    for sentence in (answer.became, answer.why, answer.remedy):
        assert sentence.text[0].isupper() or sentence.text.startswith("`")
        assert "\n" not in sentence.text
        assert ".." not in sentence.text


def test_every_verdict_and_limit_that_there_is_has_words_of_its_own() -> None:
    of_limits = [explained(held(limit)).answer.cause for limit in get_args(Limit)]
    of_verdicts = [explained(on.of_event(on.judged(kind))).answer for kind in get_args(VerdictKind)]

    assert of_limits == [f"held_{limit}" for limit in get_args(Limit)]
    assert all(it.remedy.text for it in of_verdicts)


def test_every_receipt_code_has_a_remedy() -> None:
    for code in get_args(ReceiptCode):
        assert explained(on.decided(on.receipt(code))).answer.remedy.text


def test_what_a_newer_version_writes_is_explained_too() -> None:
    known = on.judged("started")
    (word,) = known.message.routes
    newer = known.message.model_copy(update={"routes": (word.model_copy(update={"verdict": "postponed"}),)})

    answer = explained(on.of_event(Cited(newer, known.place))).answer

    assert "postponed" in answer.why.text


def test_the_evidence_follows_the_flow_and_a_silent_source_is_named() -> None:
    snapshot = on.of_event(
        on.judged("started"),
        commands=(on.start(),),
        runs=(on.ran("waiting", on.described(failure="x", problems=("category=WorkflowTaskFailed",))),),
        requests=(on.request(VOTED),),
        receipts=(on.receipt("accepted"),),
        notices=(on.notice("sent"),),
        silent=("audit",),
    )
    found = explained(snapshot)
    parts = list(dict.fromkeys(it.part for it in found.evidence))

    assert parts == ["event", "verdict", "command", "run", "step", "problem", "approval", "receipt", "notice"]
    assert found.silent == ("audit",)


def test_of_several_runs_the_one_that_is_open_is_explained() -> None:
    snapshot = on.of_event(on.judged("started"), runs=(on.ran("completed"), on.ran("step_started", NOBODY)))

    assert explained(snapshot).answer.cause == "waiting_worker"


def test_a_start_that_is_still_held_counts_more_than_a_run_that_has_ended() -> None:
    words = on.judged("held", route="Q", limit="rate"), on.judged("started")

    assert explained(on.of_event(*words, runs=(on.ran("completed"),))).answer.cause == "held_rate"
    assert explained(on.of_event(*words, runs=(on.ran("note"),))).answer.cause == "running"


def test_an_event_that_several_routes_left_alone_names_each_reason() -> None:
    snapshot = on.of_event(on.judged("no_match", detail="a is false"), on.judged("no_match", route="Q", detail="b is"))

    assert {"R: no_match: a is false", "Q: no_match: b is"} <= set(
        re.findall(r"[RQ]: no_match: [^;.]*", explained(snapshot).answer.why.text)
    )
