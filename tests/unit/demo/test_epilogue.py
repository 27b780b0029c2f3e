"""The demo detects a completed step that runs again after the kill."""

from datetime import UTC, datetime

from perdure.cli.demo.epilogue import ran_again
from perdure.contracts import Progress, ProgressKind


def fact(sequence: int, kind: ProgressKind, step: str, attempt: int = 1) -> Progress:
    return Progress(
        workflow="W",
        workflow_id="w",
        run_id="r",
        sequence=sequence,
        kind=kind,
        step=step,
        attempt=attempt,
        at=datetime(2026, 11, 23, tzinfo=UTC),
    )


BEFORE = [fact(2, "step_started", "load"), fact(3, "step_completed", "load"), fact(4, "step_started", "ask")]
IN_FLIGHT_AGAIN = [fact(4, "step_started", "ask", 2), fact(5, "step_completed", "ask", 2)]
NEXT = [fact(6, "step_started", "write"), fact(7, "step_completed", "write")]


def test_a_step_in_flight_at_the_kill_may_run_again() -> None:
    assert ran_again([*BEFORE, *IN_FLIGHT_AGAIN, *NEXT], killed_after=len(BEFORE)) == set()


def test_a_completed_step_that_runs_again_is_found() -> None:
    again = fact(2, "step_started", "load", 2)

    assert ran_again([*BEFORE, *IN_FLIGHT_AGAIN, again, *NEXT], killed_after=len(BEFORE)) == {"load"}


def test_a_completed_step_that_runs_again_under_new_numbers_is_found() -> None:
    again = fact(8, "step_started", "load")

    assert ran_again([*BEFORE, *NEXT, again], killed_after=len(BEFORE)) == {"load"}


def test_a_step_that_completes_only_after_the_kill_may_run_again() -> None:
    late = [fact(5, "step_completed", "ask"), fact(4, "step_started", "ask", 2)]

    assert ran_again([*BEFORE, *late], killed_after=len(BEFORE)) == set()
