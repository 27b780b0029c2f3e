from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.config.flow_control import FlowControl
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import Action, CancelOpen, Occupancy, Release, Skip, Wait, next_action, next_start

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TWO = Occupancy(open=2, same_key=2, rivals=("r1", "r2"))
OTHERS = Occupancy(open=2)


def action(seen: Occupancy, **flow: Any) -> Action:
    return next_action(seen, flow=FlowControl.model_validate({"key": "id", **flow}), window=None, now=NOW)


@pytest.mark.parametrize(
    ("flow", "seen", "expected"),
    [
        ({"max_open": 3}, TWO, Release()),
        ({"max_open": 2}, TWO, Wait(None, "max_open")),
        ({"max_open_per_key": 2}, TWO, Wait(None, "max_open_per_key", all=False)),
        ({"max_open_per_key": 2}, OTHERS, Release()),
        ({"singleton": "skip"}, TWO, Skip("r1")),
        ({"singleton": "queue"}, TWO, Wait(None, "singleton", all=False)),
        ({"singleton": "cancel"}, TWO, CancelOpen(("r1", "r2"))),
        ({"singleton": "cancel"}, OTHERS, Release()),
    ],
)
def test_the_limits_decide(flow: dict[str, Any], seen: Occupancy, expected: Action) -> None:
    assert action(seen, **flow) == expected


def test_starts_are_spread_evenly_over_the_time_of_the_rate() -> None:
    flow = FlowControl.model_validate({"rate": "10/s"})
    interval = timedelta(milliseconds=100)
    late = NOW + interval + timedelta(milliseconds=20)

    assert next_start(None, flow, NOW) == NOW + interval
    assert next_start(NOW + interval, flow, late) == NOW + 2 * interval, "a late start delays no other one"
    assert next_start(NOW, flow, NOW + timedelta(hours=1)) == NOW + timedelta(hours=1) + interval
    assert action(Occupancy(next_start=NOW + interval), rate="10/s") == Wait(NOW + interval, "rate")


def test_a_time_that_a_fast_clock_has_written_delays_a_start_by_one_interval_at_most() -> None:
    seen = Occupancy(next_start=NOW + timedelta(hours=1))

    assert action(seen, rate="10/s") == Wait(NOW + timedelta(milliseconds=100), "rate")


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
