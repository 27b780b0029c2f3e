"""A window has hours and days; one that lasts into the night belongs to the day on which it opens."""

from datetime import UTC, datetime

import pytest

from perdure.values.window import Window

TUESDAY = datetime(2026, 12, 1, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return TUESDAY.replace(day=day, hour=hour, minute=minute)


OFFICE = Window.model_validate(
    {"opens": "08:00", "closes": "18:00", "days": ["mon", "tue", "wed", "thu", "fri"], "timezone": "Europe/Berlin"}
)
NIGHT = Window.model_validate({"opens": "22:00", "closes": "06:00", "days": ["tue"]})


@pytest.mark.parametrize(
    ("window", "now", "opening"),
    [
        (OFFICE, at(1, 7), at(1, 7)),  # 08:00 in Berlin
        (OFFICE, at(1, 6, 59), at(1, 7)),
        (OFFICE, at(1, 17), at(2, 7)),
        (OFFICE, at(4, 20), at(7, 7)),  # from Friday evening to Monday
        (NIGHT, at(2, 5), at(2, 5)),  # on Wednesday morning, Tuesday's window is still open
        (NIGHT, at(2, 6), at(8, 22)),
    ],
)
def test_a_window_opens_next(window: Window, now: datetime, opening: datetime) -> None:
    assert window.next_opening(now) == opening


@pytest.mark.parametrize(
    ("window", "now", "closing"),
    [(OFFICE, at(1, 12), at(1, 17)), (OFFICE, at(1, 20), at(1, 20)), (NIGHT, at(1, 23), at(2, 6))],
)
def test_an_open_window_closes_next(window: Window, now: datetime, closing: datetime) -> None:
    assert window.next_closing(now) == closing
