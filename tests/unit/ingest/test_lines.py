"""Whose turn it is among the starts that wait."""

from datetime import UTC, datetime, timedelta

from perdure_ingest.flow_control.lines import Lines
from perdure_ingest.flow_control.waiting import WaitingSubjects

SUBJECTS = WaitingSubjects("waiting", "start", "r")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def line(key: str, priority: int = 3) -> str:
    return f"waiting.start.r.{priority}.{key}"


def lines_of(*lines: str, by_key: bool = True) -> Lines:
    found = Lines(SUBJECTS, by_key=by_key)
    found.arrived(lines)
    return found


def test_the_most_urgent_lines_come_first_and_keys_take_turns() -> None:
    lines = lines_of(line("a"), line("b"), line("c", 1))

    assert lines.take(9) == [line("c", 1)]
    assert lines.take(1) == [line("a")]
    lines.put_back(line("a"))
    assert lines.take(2) == [line("b"), line("a")]
    lines.put_back(line("b"))
    lines.put_back(line("a"), first=True)
    assert lines.take(2) == [line("a"), line("b")]
    assert lines.take(2) == []


def test_without_limits_of_keys_all_starts_of_a_priority_are_one_line() -> None:
    lines = lines_of(line("a"), line("b"), line("c", 5), by_key=False)

    assert lines.take(9) == ["waiting.start.r.3.>"]
    assert lines.take(9) == ["waiting.start.r.5.>"]


def test_a_blocked_line_moves_when_a_run_of_its_key_has_ended() -> None:
    lines = lines_of(line("a"), line("b"))
    lines.block(line("a"))
    lines.arrived([line("a")])

    assert lines.take(9) == [line("b")]
    lines.unblock("a")
    assert lines.take(9) == [line("a")]


def test_a_delayed_line_moves_at_its_time_or_when_something_arrives() -> None:
    later = NOW + timedelta(seconds=1)
    lines = lines_of(line("a"), line("b"))
    for delayed in lines.take(2):
        lines.delay(delayed, later)
    lines.arrived([line("b")])

    assert lines.next_due(NOW) == later
    assert lines.take(9) == [line("b")]
    assert lines.next_due(later) is None
    assert sorted(lines.take(9)) == [line("a"), line("b")]
