from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.config.flow_control import FlowControl
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import Action, CancelOpen, LastRelease, OpenRuns, Release, Skip, Wait, next_action

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TWO = OpenRuns(runs={"r1": "a", "r2": "a"})


def action(opened: OpenRuns, key: str = "a", run: str = "new", **flow: Any) -> Action:
    return next_action(opened, run, key, flow=FlowControl.model_validate({"key": "id", **flow}), window=None, now=NOW)


@pytest.mark.parametrize(
    ("flow", "key", "expected"),
    [
        ({"max_open": 3}, "a", Release(OpenRuns(runs={**TWO.runs, "new": "a"}))),
        ({"max_open": 2}, "a", Wait(None, "max_open")),
        ({"max_open_per_key": 2}, "a", Wait(None, "max_open_per_key", all=False)),
        ({"max_open_per_key": 2}, "b", Release(OpenRuns(runs={**TWO.runs, "new": "b"}))),
        ({"singleton": "skip"}, "a", Skip("r1")),
        ({"singleton": "queue"}, "a", Wait(None, "singleton", all=False)),
        ({"singleton": "cancel"}, "a", CancelOpen(("r1", "r2"))),
        ({"singleton": "cancel"}, "b", Release(OpenRuns(runs={**TWO.runs, "new": "b"}))),
    ],
)
def test_the_limits_decide(flow: dict[str, Any], key: str, expected: Action) -> None:
    assert action(TWO, key, **flow) == expected


def test_a_run_that_was_released_before_is_released_again_and_takes_no_second_slot() -> None:
    assert action(TWO, run="r1", max_open=1) == Release(TWO)


def test_starts_are_spread_evenly_over_the_time_of_the_rate() -> None:
    first = action(OpenRuns(), rate="10/s")

    assert first == Release(OpenRuns(next_start=NOW + timedelta(milliseconds=100)))
    assert isinstance(first, Release)
    assert action(first.open, rate="10/s") == Wait(NOW + timedelta(milliseconds=100), "rate")


def test_the_recorded_state_of_0_1_is_read_and_written_with_its_own_names() -> None:
    recorded = (
        '{"runs":{"r1":"a"},"next_start":null,"going":{"subject":"waiting.start.r.3.a","sequence":7,"command":null}}'
    )

    opened = OpenRuns.model_validate_json(recorded)

    assert opened.last_release == LastRelease(subject="waiting.start.r.3.a", sequence=7)
    assert opened.model_dump_json() == recorded


@pytest.mark.parametrize(("text", "seconds"), [("10/s", 0.1), ("6/m", 10), ("3/30s", 10), ("1/500ms", 0.5)])
def test_a_rate_is_a_count_and_a_time(text: str, seconds: float) -> None:
    rate = FlowControl.model_validate({"rate": text}).rate

    assert rate is not None
    assert rate.interval == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "flow",
    [
        {"rate": "fast"},
        {"max_open_per_key": 1},
        {"key": "id", "singleton": "skip", "max_open_per_key": 2},
        {"batch": {"size": 2, "within": "1s"}, "debounce": "1s"},
        {"batch": {"size": 0, "within": "1s"}},
        {"max_open": 0},
        {"debounce": "soon"},
    ],
)
def test_limits_that_do_not_fit_together_are_refused(flow: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rate|key|batch|greater|duration"):
        FlowControl.model_validate(flow)


@pytest.mark.parametrize(
    ("opens", "closes", "zone", "opening"),
    [
        ("11:00", "13:00", "UTC", NOW),
        ("13:00", "14:00", "UTC", NOW + timedelta(hours=1)),
        ("10:00", "12:00", "UTC", NOW + timedelta(hours=22)),
        ("22:00", "06:00", "UTC", NOW + timedelta(hours=10)),
        ("22:00", "12:30", "UTC", NOW),
        ("13:00", "14:00", "Europe/Berlin", NOW),
        ("22:00", "06:00", "America/New_York", NOW + timedelta(hours=15)),
    ],
)
def test_a_window_knows_when_it_opens_next(opens: str, closes: str, zone: str, opening: datetime) -> None:
    window = Window.model_validate({"opens": opens, "closes": closes, "timezone": zone})

    assert window.next_opening(NOW) == opening


@given(st.times(), st.times(), st.integers(0, 10 * 365 * 86_400))
def test_a_window_opens_within_a_day_and_is_open_then(opens: time, closes: time, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    window = Window(opens=opens, closes=closes, timezone="UTC")
    opening = window.next_opening(now)

    assert now <= opening <= now + timedelta(days=1)
    assert opens == closes or window.next_opening(opening) == opening
