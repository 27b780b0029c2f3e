"""The verifier finds each kind of violation, and reports nothing else."""

from dataclasses import replace

import pytest

from perdure.contracts import ProgressKind
from perdure.verify.judgement import CHECKS, Violation, judge
from perdure.verify.records import (
    Command,
    DeadLetterRecord,
    Execution,
    Expected,
    Fact,
    Judged,
    Observations,
    ProcessState,
    Published,
    Recorded,
    RouteClaim,
    StreamEntry,
)

GOOD, BAD = Expected("good", "probe"), Expected("bad", "probe")
KINDS: list[ProgressKind] = ["started", "step_started", "step_completed", "completed"]


def facts(workflow_id: str = "Probe-good", run_id: str = "r1", event_id: str = "good") -> list[Fact]:
    return [Fact(10 + n, workflow_id, run_id, n, kind, event_id) for n, kind in enumerate(KINDS, 1)]


RUN = Execution("Probe-good", "r1", "good", "COMPLETED")
DEAD_LETTER = DeadLetterRecord(1, "bad_data", "EVENTS", 2, "bad")
ENTRIES = [StreamEntry("EVENTS", 1, "events.probe", "aa"), StreamEntry("EVENTS", 2, "events.probe", "bb")]
VALID = Observations(
    stream_entries=ENTRIES,
    published=[Published(1, "events.probe", "good", "aa"), Published(2, "events.probe", "bad", "bb")],
    commands=[Command(1, "good")],
    dead_letters=[DEAD_LETTER],
    facts=facts(),
    executions=[RUN],
    recorded=[Recorded(it.stream, it.sequence, it.subject, it.digest) for it in ENTRIES],
)


def violations(seen: Observations, *expected: Expected, runs_per_event: int = 1) -> list[Violation]:
    return list(judge(expected or (GOOD, BAD), seen, runs_per_event=runs_per_event).violations)


def only(seen: Observations, *expected: Expected, runs_per_event: int = 1) -> tuple[str, str, str]:
    (violation,) = violations(seen, *expected, runs_per_event=runs_per_event)
    return violation.check, violation.id, violation.detail


def test_valid_records_have_no_violations_and_each_check_counts_its_items() -> None:
    verdict = judge([GOOD, BAD], VALID)

    assert verdict.violations == []
    assert verdict.checked == {
        "published": 2,
        "outcome": 2,
        "verdict": 2,
        "ending": 1,
        "progress": 1,
        "audit": 2,
        "decision": 0,
        "consumer": 0,
        "process": 0,
    }
    assert verdict.checked.keys() == CHECKS.keys()


def test_an_event_that_was_lost_before_the_stream_is_found() -> None:
    lost = violations(VALID, Expected("lost", "probe"))

    assert [(it.check, it.id) for it in lost] == [("published", "lost"), ("outcome", "lost")]


def test_an_event_of_another_type_than_was_published_is_found() -> None:
    assert only(VALID, Expected("good", "other"))[:2] == ("published", "good")


def test_an_event_with_neither_run_nor_dead_letter_is_found() -> None:
    assert only(replace(VALID, dead_letters=[])) == ("outcome", "bad", "0 runs, 0 dead letters")
    assert only(replace(VALID, executions=[], facts=[]))[:2] == ("outcome", "good")


def test_an_event_with_two_runs_is_found_even_under_one_workflow_id() -> None:
    again = replace(RUN, run_id="r2")
    seen = replace(VALID, executions=[RUN, again], facts=[*facts(), *facts(run_id="r2")])

    found = violations(seen)

    assert ("outcome", "good") in [(it.check, it.id) for it in found]
    assert "2 runs (Probe-good r1 COMPLETED, Probe-good r2 COMPLETED)" in found[0].detail


def test_an_event_with_two_dead_letters_is_found() -> None:
    twice = replace(VALID, dead_letters=[DEAD_LETTER, replace(DEAD_LETTER, sequence=2)])

    assert only(twice)[:2] == ("outcome", "bad")


@pytest.mark.parametrize(
    "dead_letter",
    [
        DeadLetterRecord(2, "bad_data", "EVENTS", 1, "good"),
        DeadLetterRecord(2, "unknown_workflow", "COMMANDS", 1, None),
        DeadLetterRecord(2, "unexpected_error", "COMMANDS", 9, "good"),
    ],
    ids=["about the event", "about its command", "about a command that is gone, by its own copy"],
)
def test_an_event_with_a_run_and_a_dead_letter_is_found(dead_letter: DeadLetterRecord) -> None:
    assert only(replace(VALID, dead_letters=[DEAD_LETTER, dead_letter]))[:2] == ("outcome", "good")


def test_the_original_message_decides_which_event_a_dead_letter_is_about() -> None:
    forged = replace(VALID, dead_letters=[replace(DEAD_LETTER, event_id="good")])

    assert violations(forged) == []


def test_a_dead_letter_for_other_data_under_a_used_id_is_no_outcome_of_the_first_event() -> None:
    second = Published(3, "events.probe", "good", "cc")
    refused = DeadLetterRecord(2, "duplicate_id", "EVENTS", 3, "good")

    assert violations(replace(VALID, published=[*VALID.published, second], dead_letters=[DEAD_LETTER, refused])) == []


def test_a_dead_letter_for_the_same_data_under_a_used_id_is_found() -> None:
    second = Published(3, "events.probe", "good", "aa")
    refused = DeadLetterRecord(2, "duplicate_id", "EVENTS", 3, "good")
    seen = replace(VALID, published=[*VALID.published, second], dead_letters=[DEAD_LETTER, refused])

    assert only(seen)[:2] == ("outcome", "good")


def test_a_good_event_that_is_dead_lettered_and_a_bad_one_that_ran_are_found() -> None:
    wrong = violations(VALID, replace(GOOD, outcome="dead_letter"), replace(BAD, outcome="run"))

    assert [(it.check, it.id) for it in wrong] == [("outcome", "good"), ("outcome", "bad")]


def test_each_of_two_routes_becomes_a_run_or_a_dead_letter() -> None:
    other = replace(RUN, workflow_id="Other-good", run_id="r2")
    both = replace(VALID, executions=[RUN, other], facts=[*facts(), *facts("Other-good", "r2")])
    one_dead = replace(VALID, dead_letters=[DEAD_LETTER, DeadLetterRecord(2, "unknown_workflow", "COMMANDS", 1, None)])

    assert violations(both, runs_per_event=2) == []
    assert violations(one_dead, runs_per_event=2) == []
    assert only(VALID, runs_per_event=2)[:2] == ("outcome", "good")


def test_the_routes_of_an_event_are_counted_in_its_commands() -> None:
    dead = [DeadLetterRecord(number, "unknown_workflow", "COMMANDS", number, None) for number in (2, 3)]
    commands = [*VALID.commands, Command(2, "bad", "A"), Command(3, "bad", "B")]
    both = replace(VALID, commands=commands, dead_letters=dead)

    assert violations(both) == []
    assert only(replace(both, dead_letters=dead[:1]))[:2] == ("outcome", "bad")


def test_a_continued_run_counts_once() -> None:
    first = replace(RUN, run_id="r0", status="CONTINUED_AS_NEW")

    assert violations(replace(VALID, executions=[first, RUN])) == []


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED", "TIMED_OUT", "CANCELED"])
def test_an_ending_that_differs_from_temporals_is_found(status: str) -> None:
    check, about, detail = only(replace(VALID, executions=[replace(RUN, status=status)]))

    assert (check, about) == ("ending", "Probe-good")
    assert detail == f"run r1 is {status} in Temporal, but published completed"


@pytest.mark.parametrize(
    ("status", "kind"),
    [("FAILED", "failed"), ("TERMINATED", "terminated"), ("TIMED_OUT", "timed_out"), ("CANCELED", "cancelled")],
)
def test_every_ending_that_is_temporals_is_valid(status: str, kind: ProgressKind) -> None:
    published = [*facts()[:-1], replace(facts()[-1], kind=kind)]

    assert violations(replace(VALID, executions=[replace(RUN, status=status)], facts=published)) == []


def test_an_open_run_is_no_violation_unless_all_runs_must_have_ended() -> None:
    seen = replace(VALID, executions=[replace(RUN, status="RUNNING")], facts=facts()[:2])

    verdict = judge([GOOD, BAD], seen)
    (violation,) = judge([GOOD, BAD], seen, ended=True).violations

    assert (verdict.violations, verdict.open_runs) == ([], ["Probe-good"])
    assert violation == Violation("ending", "Probe-good", "run r1 has not ended: RUNNING")


def test_an_open_run_that_published_an_ending_is_found() -> None:
    seen = replace(VALID, executions=[replace(RUN, status="RUNNING")])

    assert only(seen) == ("ending", "Probe-good", "run r1 is RUNNING in Temporal, but published completed")


def test_a_missing_ending_is_found() -> None:
    assert only(replace(VALID, facts=facts()[:-1])) == (
        "ending",
        "Probe-good",
        "run r1 is COMPLETED in Temporal, but published no ending",
    )


def test_an_ending_that_was_published_twice_is_found() -> None:
    twice = [*facts(), replace(facts()[-1], stream_sequence=99)]

    assert [it.check for it in violations(replace(VALID, facts=twice))] == ["ending", "progress"]


def test_a_run_that_is_only_on_the_progress_stream_is_found() -> None:
    seen = replace(VALID, facts=[*facts(), *facts("Probe-ghost", "r9")])

    assert ("ending", "Probe-ghost") in [(it.check, it.id) for it in violations(seen)]


def test_a_gap_is_found_with_its_numbers() -> None:
    check, about, detail = only(replace(VALID, facts=[facts()[0], *facts()[2:]]))

    assert (check, about, detail) == ("progress", "Probe-good", "missing facts between 1 and 4: 2")


def test_a_run_without_facts_is_found() -> None:
    assert {it.check for it in violations(replace(VALID, facts=[]))} == {"ending", "progress"}


def test_attempts_of_a_step_may_repeat_its_number() -> None:
    again = [*facts()[:2], replace(facts()[1], stream_sequence=12), *facts()[2:]]

    assert violations(replace(VALID, facts=again)) == []


@pytest.mark.parametrize(
    "late",
    [Fact(99, "Probe-good", "r1", 2, "step_started", "good"), Fact(13, "Probe-good", "r1", 5, "note", "good")],
    ids=["later in the stream", "with a higher number"],
)
def test_a_fact_after_the_ending_is_found(late: Fact) -> None:
    assert only(replace(VALID, facts=[*facts(), late]))[:2] == ("progress", "Probe-good")


def test_a_run_that_was_tried_again_has_an_ending_for_each_attempt() -> None:
    first = [replace(fact, kind="failed") if fact.kind == "completed" else fact for fact in facts(run_id="r0")]
    second = [replace(fact, stream_sequence=fact.stream_sequence + 10) for fact in facts()[1:]]
    failed = replace(RUN, run_id="r0", status="FAILED", is_extra=True)
    tried_again = replace(VALID, facts=[*first, *second], executions=[failed, RUN])

    assert violations(tried_again) == []
    late = Fact(99, "Probe-good", "r0", 3, "step_completed", "good")
    assert only(replace(tried_again, facts=[*first, *second, late]))[2] == "step_completed (3) comes after failed"


def test_a_message_without_a_record_is_found() -> None:
    assert only(replace(VALID, recorded=VALID.recorded[:1])) == (
        "audit",
        "EVENTS.2",
        "no record of this message on events.probe",
    )


@pytest.mark.parametrize(
    "forged",
    [Recorded("EVENTS", 2, "events.other", "bb"), Recorded("EVENTS", 2, "events.probe", "ff")],
    ids=["subject", "body"],
)
def test_a_record_that_differs_from_the_message_is_found(forged: Recorded) -> None:
    assert only(replace(VALID, recorded=[VALID.recorded[0], forged]))[:2] == ("audit", "EVENTS.2")


def test_runs_of_other_events_are_ignored() -> None:
    other = Execution("Probe-other", "r7", "other", "RUNNING")

    assert violations(replace(VALID, executions=[RUN, other])) == []


def test_all_events_lists_each_event_once() -> None:
    again = Published(3, "events.probe", "good", "aa")

    assert replace(VALID, published=[*VALID.published, again]).all_events() == [GOOD, BAD]


def test_a_run_that_ends_otherwise_than_expected_is_found() -> None:
    assert violations(VALID, replace(GOOD, ending="completed"), BAD) == []
    assert only(VALID, replace(GOOD, ending="failed"), BAD) == (
        "ending",
        "Probe-good",
        "run r1 is completed; expected failed",
    )


def test_a_start_that_was_held_though_its_route_had_a_free_place_is_found() -> None:
    def judged(*, is_limited: bool) -> Observations:
        held = Judged(1, (RouteClaim("P", "held", None, is_limited=is_limited),))
        released = Judged(1, (RouteClaim("P", "released", "Probe-good"),))
        refused = Judged(2, refused="bad_data")
        commands = [Command(1, "good", "P", "Probe-good")]
        return replace(VALID, commands=commands, judged=[held, released, refused])

    at_once = replace(GOOD, at_once=True)

    assert violations(judged(is_limited=True), GOOD, BAD) == []
    assert violations(judged(is_limited=False), at_once, BAD) == []
    assert only(judged(is_limited=True), at_once, BAD)[:2] == ("outcome", "good")


def test_a_message_that_waits_and_a_process_that_does_not_last_are_found_once_all_has_ended() -> None:
    seen = replace(
        VALID,
        outstanding={"EVENTS/ingest": 2, "DLQ/ingest": 0},
        processes=[ProcessState("nats"), ProcessState("ingest", "process 7 has run for 1 s only")],
    )

    assert violations(seen) == []
    assert [(it.check, it.id) for it in judge([GOOD, BAD], seen, ended=True).violations] == [
        ("consumer", "EVENTS/ingest"),
        ("process", "ingest"),
    ]
