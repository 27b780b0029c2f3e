"""Recurring windows of time: hours of the day on days of the week."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from perdure.values.timezone import Timezone

__all__ = ["Window"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

_DAYS: Final[tuple[Day, ...]] = get_args(Day)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?", re.ASCII)


def _clock(value: Any) -> time:
    """Read a time of day; pydantic would take a number for seconds after midnight."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{value} is no time of day; write one such as 22:00, and its zone as `timezone`")
    return time.fromisoformat(value)


Clock = Annotated[time, BeforeValidator(_clock)]


class Window(BaseModel):
    """The time from one hour of the day to another, on some days of the week.

    Attributes:
        opens: When it opens.
        closes: When it closes; a time that is not after ``opens`` is on the next day.
        days: The days of the week on which it opens.
        timezone: The IANA name of these times' zone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    opens: Clock
    closes: Clock
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = _DAYS
    timezone: Timezone = "UTC"

    def next_opening(self, now: datetime) -> datetime:
        """Return ``now`` if the window is open, else when it opens next (UTC)."""
        opens, _ = self._span(now)
        return max(opens, now)

    def next_closing(self, now: datetime) -> datetime:
        """Return ``now`` if the window is closed, else when it closes (UTC)."""
        opens, closes = self._span(now)
        return closes if opens <= now else now

    def _span(self, now: datetime) -> tuple[datetime, datetime]:
        """Return when the current window opens and closes, or else the next one."""
        return next(span for span in self._spans(now) if span[1] > now)

    def _spans(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        zone = ZoneInfo(self.timezone)
        for number in range(-1, 9):  # yesterday's may still be open; after a week every day has come
            day = now.astimezone(zone).date() + timedelta(days=number)
            if _DAYS[day.weekday()] in self.days:
                end = day if self.opens < self.closes else day + timedelta(days=1)
                yield (
                    datetime.combine(day, self.opens, zone).astimezone(UTC),
                    datetime.combine(end, self.closes, zone).astimezone(UTC),
                )
