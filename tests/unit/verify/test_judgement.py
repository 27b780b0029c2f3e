"""Each thing that must not be is found, and what is well is left alone."""

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
    Observations,
    Published,
    Recorded,
    StreamEntry,
)

GOOD, BAD = Expected("good", "probe"), Expected("bad", "probe")
KINDS: list[ProgressKind] = ["started", "step_started", "step_completed", "completed"]


def facts(workflow_id: str = "Probe-good", run_id: str = "r1", event_id: str = "good") -> list[Fact]:
    return [Fact(10 + n, workflow_id, run_id, n, kind, event_id) for n, kind in enumerate(KINDS, 1)]


RUN = Execution("Probe-good", "r1", "good", "COMPLETED")
LETTER = DeadLetterRecord(1, "bad_data", "EVENTS", 2, "bad")
SAID = [StreamEntry("EVENTS", 1, "events.probe", "aa"), StreamEntry("EVENTS", 2, "events.probe", "bb")]
WELL = Observations(
    stream_entries=SAID,
    published=[Published(1, "events.probe", "good", "aa"), Published(2, "events.probe", "bad", "bb")],
    commands=[Command(1, "good")],
    dead_letters=[LETTER],
    facts=facts(),
    executions=[RUN],
    recorded=[Recorded(it.stream, it.sequence, it.subject, it.digest) for it in SAID],
)


def violations(seen: Observations, *expected: Expected, runs_per_event: int = 1) -> list[Violation]:
    return list(judge(expected or (GOOD, BAD), seen, runs_per_event=runs_per_event).violations)


def only(seen: Observations, *expected: Expected, runs_per_event: int = 1) -> tuple[str, str, str]:
    (violation,) = violations(seen, *expected, runs_per_event=runs_per_event)
    return violation.check, violation.id, violation.detail


def test_of_what_is_well_nothing_is_said_and_each_check_counts_what_it_looked_at() -> None:
    verdict = judge([GOOD, BAD], WELL)

    assert verdict.violations == []
    assert verdict.looked_at == {"published": 2, "outcome": 2, "ending": 1, "progress": 1, "audit": 2}
    assert verdict.looked_at.keys() == CHECKS.keys()


def test_an_event_that_was_lost_before_the_stream_is_found() -> None:
    lost = violations(WELL, Expected("lost", "probe"))

    assert [(it.check, it.id) for it in lost] == [("published", "lost"), ("outcome", "lost")]


def test_an_event_of_another_type_than_was_published_is_found() -> None:
    assert only(WELL, Expected("good", "other"))[:2] == ("published", "good")


def test_an_event_with_neither_run_nor_letter_is_found() -> None:
    assert only(replace(WELL, dead_letters=[])) == ("outcome", "bad", "0 runs, 0 dead letters")
    assert only(replace(WELL, executions=[], facts=[]))[:2] == ("outcome", "good")


def test_an_event_with_two_runs_is_found_even_under_one_workflow_id() -> None:
    again = replace(RUN, run_id="r2")
    seen = replace(WELL, executions=[RUN, again], facts=[*facts(), *facts(run_id="r2")])

    found = violations(seen)

    assert ("outcome", "good") in [(it.check, it.id) for it in found]
    assert "2 runs (Probe-good r1 COMPLETED, Probe-good r2 COMPLETED)" in found[0].detail


def test_an_event_with_two_letters_is_found() -> None:
    twice = replace(WELL, dead_letters=[LETTER, replace(LETTER, sequence=2)])

    assert only(twice)[:2] == ("outcome", "bad")


@pytest.mark.parametrize(
    "letter",
    [
        DeadLetterRecord(2, "bad_data", "EVENTS", 1, "good"),
        DeadLetterRecord(2, "unknown_workflow", "COMMANDS", 1, None),
        DeadLetterRecord(2, "unexpected_error", "COMMANDS", 9, "good"),
    ],
    ids=["about the event", "about its command", "about a command that is gone, by its own word"],
)
def test_an_event_with_a_run_and_a_letter_is_found(letter: DeadLetterRecord) -> None:
    assert only(replace(WELL, dead_letters=[LETTER, letter]))[:2] == ("outcome", "good")


def test_whom_a_letter_is_about_the_stream_says_not_the_letter() -> None:
    lying = replace(WELL, dead_letters=[replace(LETTER, event_id="good")])

    assert violations(lying) == []


def test_a_letter_that_refuses_other_data_under_an_id_is_no_outcome_of_the_first() -> None:
    second = Published(3, "events.probe", "good", "cc")
    refused = DeadLetterRecord(2, "duplicate_id", "EVENTS", 3, "good")

    assert violations(replace(WELL, published=[*WELL.published, second], dead_letters=[LETTER, refused])) == []


def test_but_one_that_refuses_the_same_data_is_found() -> None:
    second = Published(3, "events.probe", "good", "aa")
    refused = DeadLetterRecord(2, "duplicate_id", "EVENTS", 3, "good")
    seen = replace(WELL, published=[*WELL.published, second], dead_letters=[LETTER, refused])

    assert only(seen)[:2] == ("outcome", "good")


def test_a_good_event_that_is_dead_and_a_bad_one_that_ran_are_found() -> None:
    wrong = violations(WELL, replace(GOOD, outcome="dead_letter"), replace(BAD, outcome="run"))

    assert [(it.check, it.id) for it in wrong] == [("outcome", "good"), ("outcome", "bad")]


def test_of_two_routes_each_becomes_a_run_or_a_letter() -> None:
    other = replace(RUN, workflow_id="Other-good", run_id="r2")
    both = replace(WELL, executions=[RUN, other], facts=[*facts(), *facts("Other-good", "r2")])
    one_dead = replace(WELL, dead_letters=[LETTER, DeadLetterRecord(2, "unknown_workflow", "COMMANDS", 1, None)])

    assert violations(both, runs_per_event=2) == []
    assert violations(one_dead, runs_per_event=2) == []
    assert only(WELL, runs_per_event=2)[:2] == ("outcome", "good")


def test_what_a_run_goes_on_as_counts_with_it() -> None:
    begun = replace(RUN, run_id="r0", status="CONTINUED_AS_NEW")

    assert violations(replace(WELL, executions=[begun, RUN])) == []


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED", "TIMED_OUT", "CANCELED"])
def test_an_ending_that_is_not_temporals_is_found(status: str) -> None:
    check, about, detail = only(replace(WELL, executions=[replace(RUN, status=status)]))

    assert (check, about) == ("ending", "Probe-good")
    assert detail == f"run r1 is {status} in Temporal, and said completed"


@pytest.mark.parametrize(
    ("status", "kind"),
    [("FAILED", "failed"), ("TERMINATED", "terminated"), ("TIMED_OUT", "timed_out"), ("CANCELED", "cancelled")],
)
def test_every_ending_that_is_temporals_is_well(status: str, kind: ProgressKind) -> None:
    said = [*facts()[:-1], replace(facts()[-1], kind=kind)]

    assert violations(replace(WELL, executions=[replace(RUN, status=status)], facts=said)) == []


def test_a_run_that_has_not_ended_is_found() -> None:
    seen = replace(WELL, executions=[replace(RUN, status="RUNNING")], facts=facts()[:2])

    assert only(seen) == ("ending", "Probe-good", "run r1 has not ended: RUNNING")


def test_an_ending_that_was_not_said_is_found() -> None:
    assert only(replace(WELL, facts=facts()[:-1])) == (
        "ending",
        "Probe-good",
        "run r1 is COMPLETED in Temporal, and said no ending",
    )


def test_an_ending_that_was_said_twice_is_found() -> None:
    twice = [*facts(), replace(facts()[-1], place=99)]

    assert [it.check for it in violations(replace(WELL, facts=twice))] == ["ending", "progress"]


def test_a_run_that_only_progress_knows_is_found() -> None:
    seen = replace(WELL, facts=[*facts(), *facts("Probe-ghost", "r9")])

    assert ("ending", "Probe-ghost") in [(it.check, it.id) for it in violations(seen)]


def test_a_gap_is_found_and_its_numbers_are_named() -> None:
    check, about, detail = only(replace(WELL, facts=[facts()[0], *facts()[2:]]))

    assert (check, about, detail) == ("progress", "Probe-good", "facts are missing of 1 to 4: 2")


def test_a_run_that_said_nothing_at_all_is_found() -> None:
    assert {it.check for it in violations(replace(WELL, facts=[]))} == {"ending", "progress"}


def test_attempts_repeat_their_numbers() -> None:
    again = [*facts()[:2], replace(facts()[1], place=12), *facts()[2:]]

    assert violations(replace(WELL, facts=again)) == []


@pytest.mark.parametrize(
    "late",
    [Fact(99, "Probe-good", "r1", 2, "step_started", "good"), Fact(13, "Probe-good", "r1", 5, "note", "good")],
    ids=["later in the stream", "with a higher number"],
)
def test_a_fact_after_the_ending_is_found(late: Fact) -> None:
    assert only(replace(WELL, facts=[*facts(), late]))[:2] == ("progress", "Probe-good")


def test_a_message_without_a_record_is_found() -> None:
    assert only(replace(WELL, recorded=WELL.recorded[:1])) == (
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
    assert only(replace(WELL, recorded=[WELL.recorded[0], forged]))[:2] == ("audit", "EVENTS.2")


def test_events_of_others_do_not_matter() -> None:
    theirs = Execution("Probe-theirs", "r7", "theirs", "RUNNING")

    assert violations(replace(WELL, executions=[RUN, theirs])) == []


def test_all_events_of_the_stream_are_known_once_each() -> None:
    again = Published(3, "events.probe", "good", "aa")

    assert replace(WELL, published=[*WELL.published, again]).all_events() == [GOOD, BAD]
