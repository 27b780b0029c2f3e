from datetime import UTC, datetime
from typing import Any

from perdure.contracts import Progress
from perdure_orchestrator.endings import missing_facts

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def fact(sequence: int, kind: Any, step: str | None = None, attempt: int = 1) -> Progress:
    return Progress(
        workflow="W", workflow_id="w", run_id="r", sequence=sequence, kind=kind, step=step, attempt=attempt, at=NOW
    )


def filled(*published: Progress) -> list[tuple[int, str, str | None]]:
    return [(it.sequence, it.kind, it.step) for it in missing_facts(published, fact(1, "terminated"))]


def test_a_run_without_published_facts_gets_an_ending() -> None:
    assert filled() == [(1, "terminated", None)]


def test_the_ending_comes_after_all_published_facts() -> None:
    assert filled(fact(1, "started"), fact(2, "waiting")) == [(3, "terminated", None)]


def test_an_unfinished_step_ends_before_its_run() -> None:
    published = (
        fact(1, "started"),
        fact(2, "step_started", "a"),
        fact(4, "step_started", "b"),
        fact(5, "step_completed"),
    )

    assert filled(*published) == [(3, "step_failed", "a"), (6, "terminated", None)]
    assert filled(*published[:2]) == [(3, "step_failed", "a"), (4, "terminated", None)]


def test_several_attempts_of_a_step_are_not_a_gap() -> None:
    tries = [fact(2, "step_started", "a", attempt) for attempt in (1, 2)]

    assert filled(fact(1, "started"), *tries, fact(3, "step_failed", "a")) == [(4, "terminated", None)]


def test_a_gap_is_filled_with_notes() -> None:
    assert filled(fact(3, "step_started", "a")) == [
        (1, "note", None),
        (2, "note", None),
        (4, "step_failed", "a"),
        (5, "terminated", None),
    ]
