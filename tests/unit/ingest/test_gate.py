from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.config.flow_control import FlowControl
from perdure.values.window import Window
from perdure_ingest.flow_control.gate import Go, OpenRuns, Replace, Skip, Verdict, Wait, decide

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TWO = OpenRuns(runs={"r1": "a", "r2": "a"})


def judged(opened: OpenRuns, key: str = "a", run: str = "new", **flow: Any) -> Verdict:
    return decide(opened, run, key, flow=FlowControl.model_validate({"key": "id", **flow}), window=None, now=NOW)


@pytest.mark.parametrize(
    ("flow", "key", "verdict"),
    [
        ({"max_open": 3}, "a", Go(OpenRuns(runs={**TWO.runs, "new": "a"}))),
        ({"max_open": 2}, "a", Wait(None)),
        ({"max_open_per_key": 2}, "a", Wait(None, all=False)),
        ({"max_open_per_key": 2}, "b", Go(OpenRuns(runs={**TWO.runs, "new": "b"}))),
        ({"singleton": "skip"}, "a", Skip()),
        ({"singleton": "queue"}, "a", Wait(None, all=False)),
        ({"singleton": "cancel"}, "a", Replace(("r1", "r2"))),
        ({"singleton": "cancel"}, "b", Go(OpenRuns(runs={**TWO.runs, "new": "b"}))),
    ],
)
def test_the_limits_decide(flow: dict[str, Any], key: str, verdict: Verdict) -> None:
    assert judged(TWO, key, **flow) == verdict


def test_a_run_that_was_let_go_before_goes_again_and_takes_no_more_room() -> None:
    assert judged(TWO, run="r1", max_open=1) == Go(TWO)


def test_starts_are_spread_over_the_time_that_the_rate_names() -> None:
    first = judged(OpenRuns(), rate="10/s")

    assert first == Go(OpenRuns(next_start=NOW + timedelta(milliseconds=100)))
    assert isinstance(first, Go)
    assert judged(first.open, rate="10/s") == Wait(NOW + timedelta(milliseconds=100))


@pytest.mark.parametrize(("written", "apart"), [("10/s", 0.1), ("6/m", 10), ("3/30s", 10), ("1/500ms", 0.5)])
def test_a_rate_is_written_as_people_say_it(written: str, apart: float) -> None:
    rate = FlowControl.model_validate({"rate": written}).rate

    assert rate is not None
    assert rate.apart == timedelta(seconds=apart)


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
def test_what_does_not_fit_together_is_refused(flow: dict[str, Any]) -> None:
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
def test_a_window_tells_when_it_opens(opens: str, closes: str, zone: str, opening: datetime) -> None:
    window = Window.model_validate({"opens": opens, "closes": closes, "timezone": zone})

    assert window.next_opening(NOW) == opening


@given(st.times(), st.times(), st.integers(0, 10 * 365 * 86_400))
def test_a_window_opens_within_a_day_and_is_open_then(opens: time, closes: time, seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    window = Window(opens=opens, closes=closes, timezone="UTC")
    opening = window.next_opening(now)

    assert now <= opening <= now + timedelta(days=1)
    assert opens == closes or window.next_opening(opening) == opening
