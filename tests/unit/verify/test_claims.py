"""The verifier takes what an event should become from its verdict, and finds each claim that is not so."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from perdure.verify.judgement import Violation, judge
from perdure.verify.records import (
    Command,
    DeadLetterRecord,
    Execution,
    Expected,
    Fact,
    Judged,
    Observations,
    Published,
    RouteClaim,
)

EVENT = Expected("e", "probe")
PUBLISHED = Published(1, "events.probe", "e", "aa")
RUN = Execution("P~e", "r1", "e", "COMPLETED")
FACTS = [Fact(1, "P~e", "r1", 1, "started", "e"), Fact(2, "P~e", "r1", 2, "completed", "e")]
COMMAND = Command(1, "e", "P", "P~e")
STARTED = Judged(1, (RouteClaim("P", "started", "P~e"),))
RAN = Observations(published=[PUBLISHED], commands=[COMMAND], executions=[RUN], facts=FACTS, judged=[STARTED])
NOTHING = Observations(published=[PUBLISHED])


def claims(verdict: str, run: str | None = None, route: str = "P") -> Judged:
    return Judged(1, (RouteClaim(route, verdict, run),))


def wrong(seen: Observations, *expected: Expected, ended: bool = False, routes: int = 1) -> list[str]:
    found: Sequence[Violation] = judge(expected or [EVENT], seen, ended=ended, runs_per_event=routes).violations
    return [it.detail.split(";")[0] for it in found if it.check in {"outcome", "verdict"}]


def test_a_start_that_became_its_run_is_valid() -> None:
    assert judge([EVENT], RAN).violations == []
    assert wrong(replace(RAN, executions=[replace(RUN, status="RUNNING")], facts=FACTS[:1])) == []


@pytest.mark.parametrize(
    ("seen", "detail"),
    [
        (replace(RAN, executions=[], facts=[]), "started, but no run P~e of this event"),
        (replace(RAN, executions=[RUN, replace(RUN, run_id="r2")]), "2 runs P~e"),
        (replace(RAN, dead_letters=[DeadLetterRecord(1, "bad_data", "COMMANDS", 1, "e")]), "both a run P~e and"),
        (replace(RAN, dead_letters=[DeadLetterRecord(1, "bad_data", "EVENTS", 1, "e")]), "its verdict refuses nothing"),
        (replace(RAN, executions=[RUN, Execution("Q~e", "r2", "e", "RUNNING")]), "run Q~e, which no verdict names"),
    ],
)
def test_a_start_that_became_something_else_is_found(seen: Observations, detail: str) -> None:
    (found,) = wrong(seen)

    assert detail in found


def test_a_command_that_the_orchestrator_refused_is_an_outcome() -> None:
    dead = DeadLetterRecord(1, "unknown_workflow", "COMMANDS", 1, "e")

    assert wrong(replace(RAN, executions=[], facts=[], dead_letters=[dead])) == []


def test_a_dead_letter_that_was_resent_or_dropped_counts() -> None:
    refused = replace(NOTHING, judged=[Judged(1, (RouteClaim("P", "refused"),), "bad_data")])

    assert wrong(replace(refused, settled=[("EVENTS", 1)])) == []
    assert wrong(replace(RAN, executions=[], facts=[], settled=[("COMMANDS", 1)])) == []


def test_an_event_that_a_backfill_took_after_a_dead_letter_has_both() -> None:
    backfilled = Judged(1, (RouteClaim("P", "started", "P~e", "20261128T101500Z-4fa1"),))
    dead = DeadLetterRecord(1, "unknown_workflow", "COMMANDS", 1, "e")
    twice = [COMMAND, replace(COMMAND, sequence=2)]
    none = Judged(1, (), "no_route")

    assert wrong(replace(RAN, judged=[STARTED, backfilled], commands=twice, dead_letters=[dead])) == []
    assert wrong(replace(RAN, judged=[claims("no_match"), backfilled])) == []
    by_ingest = DeadLetterRecord(1, "no_route", "EVENTS", 1, "e")
    assert wrong(replace(RAN, judged=[none, backfilled], dead_letters=[by_ingest])) == []


def test_an_event_that_only_signals_needs_no_run_of_its_own() -> None:
    signalled = replace(NOTHING, judged=[claims("signalled", "cart")], commands=[Command(1, "e", "P", "cart")])

    assert wrong(signalled) == []
    assert wrong(replace(signalled, commands=[])) == ["route P: signalled, but no command of the route"]


@pytest.mark.parametrize("verdict", ["no_match", "skipped", "debounced_into"])
def test_an_event_of_which_nothing_comes_is_valid_until_something_does(verdict: str) -> None:
    alone = replace(NOTHING, judged=[claims(verdict)])

    assert wrong(alone) == []
    assert wrong(replace(alone, commands=[COMMAND])) == [f"route P: {verdict}, but there is a command of the route"]
    assert wrong(replace(alone, executions=[RUN], facts=FACTS)) == ["run P~e, which no verdict names"]


def test_every_event_of_a_batch_is_that_of_its_run() -> None:
    batch = Execution("P~batch", "r1", "e", "COMPLETED")
    later = Published(2, "events.probe", "f", "bb")
    judged = [claims("batched_into", "P~batch"), replace(claims("batched_into", "P~batch"), stream_sequence=2)]
    seen = Observations(published=[PUBLISHED, later], executions=[batch], judged=judged)

    assert wrong(seen, EVENT, Expected("f", "probe")) == []
    assert (
        wrong(replace(seen, executions=[]), EVENT, Expected("f", "probe"))
        == ["route P: batched_into, but no run P~batch"] * 2
    )


def test_a_held_start_is_open_until_all_must_have_ended() -> None:
    held = replace(NOTHING, judged=[claims("held", "P~e")])

    assert wrong(held) == []
    assert wrong(held, ended=True) == ["route P: held, but it has not been released"]
    assert wrong(replace(held, commands=[COMMAND])) == ["route P: held, but there is a command of the route"]


def test_the_order_of_verdicts_does_not_count_but_what_happened() -> None:
    released, held, debounced = claims("released", "P~e"), claims("held", "P~e"), claims("debounced_into")

    assert wrong(replace(RAN, judged=[released, debounced, held])) == []


def test_a_duplicate_needs_nothing_of_its_own() -> None:
    again = Published(2, "events.probe", "e", "aa")
    judged = [STARTED, Judged(2, (RouteClaim("P", "duplicate_of", "P~e"),))]

    assert wrong(replace(RAN, published=[PUBLISHED, again], judged=judged)) == []


def test_the_commands_of_another_event_with_its_id_are_no_claim_of_this_one() -> None:
    other = Published(2, "events.probe", "e", "bb")
    judged = [STARTED, Judged(2, (RouteClaim("P", "no_match"),))]

    assert wrong(replace(RAN, published=[PUBLISHED, other], judged=judged, commands=[replace(COMMAND, place=1)])) == []


def test_a_refused_event_is_one_dead_letter_and_nothing_else() -> None:
    refused = replace(
        NOTHING, judged=[Judged(1, (RouteClaim("P", "refused"), RouteClaim("Q", "no_match")), "bad_data")]
    )
    dead = DeadLetterRecord(1, "bad_data", "EVENTS", 1, "e")

    assert wrong(replace(refused, dead_letters=[dead])) == []
    assert wrong(replace(refused, dead_letters=[dead, replace(dead, sequence=2)])) != []
    assert wrong(refused) == ["refused by ingest, but 0 dead letters about EVENTS 1"]


def test_more_routes_than_one_may_be_asked_for() -> None:
    assert wrong(RAN, routes=2) == ["1 routes take it, not 2"]


def test_a_route_without_verdicts_may_have_runs_of_which_none_is_named() -> None:
    other = Execution("Q~e", "r2", "e", "RUNNING")

    assert wrong(replace(RAN, executions=[RUN, other], judged=[replace(STARTED, unreported=1)])) == []


def test_an_event_without_a_verdict_is_found_but_not_one_that_is_older_than_verdicts() -> None:
    later = Published(2, "events.probe", "f", "bb")
    executions = [RUN, Execution("P~f", "r2", "f", "COMPLETED")]
    seen = replace(RAN, published=[PUBLISHED, later], executions=executions)
    expected = [EVENT, Expected("f", "probe")]

    assert wrong(seen, *expected) == ["EVENTS 2 has no verdict"]
    assert wrong(replace(seen, judged=[replace(STARTED, stream_sequence=2, claims=())]), *expected) == [
        "run P~f, which no verdict names"
    ]
    assert [it.check for it in judge(expected, seen, silent=["probe"]).violations] == ["ending", "progress"]
