"""Cron expressions: five fields, or six that begin with the seconds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator

__all__ = ["Cron", "CronText", "Span", "parse_cron"]

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHORTHANDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST_MONTHS: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
_EXAMPLE: Final = 'write five fields, "minute hour day month weekday", such as "0 6 * * MON-FRI"'


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers from one to another, both included, by a step."""

    first: int
    last: int
    step: int = 1

    def __contains__(self, number: int) -> bool:
        """Return whether a number is one of them."""
        return self.first <= number <= self.last and (number - self.first) % self.step == 0


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, ("", *_MONTHS)),
    _Field("weekday", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The spans of each field; a time is due if each of its parts lies in one.

    The day and the weekday must both fit, as Temporal has it: ``0 6 1 * MON`` is a first that is a Monday.

    Attributes:
        weekdays: From 0, Sunday, to 6.
    """

    seconds: tuple[Span, ...]
    minutes: tuple[Span, ...]
    hours: tuple[Span, ...]
    days: tuple[Span, ...]
    months: tuple[Span, ...]
    weekdays: tuple[Span, ...]

    def fits(self, wall: datetime) -> bool:
        """Return whether it is due when a clock on a wall shows this."""
        parts = (
            (self.seconds, wall.second),
            (self.minutes, wall.minute),
            (self.hours, wall.hour),
            (self.days, wall.day),
            (self.months, wall.month),
            (self.weekdays, wall.isoweekday() % 7),
        )
        return not wall.microsecond and all(any(number in span for span in spans) for spans, number in parts)


def parse_cron(text: str) -> Cron:
    """Read a cron expression.

    Raises:
        ValueError: It is none, or no time fits it; the sentence names the field.
    """
    parts = _SHORTHANDS.get(text.strip().lower(), text).split()
    if len(parts) == len(_FIELDS) - 1:
        parts = ["0", *parts]
    if len(parts) != len(_FIELDS):
        raise ValueError(f"{text!r} has {len(parts)} fields: {_EXAMPLE}, or six with the second first")
    seconds, minutes, hours, days, months, weekdays = (
        _spans(field, part) for field, part in zip(_FIELDS, parts, strict=True)
    )
    if min(span.first for span in days) > max(_LONGEST_MONTHS.get(month, 31) for month in _numbers(months)):
        raise ValueError(f"{text!r} is never due: no such month has a day {min(span.first for span in days)}")
    return Cron(seconds, minutes, hours, days, months, _from_sunday(weekdays))


def _possible(text: str) -> str:
    parse_cron(text)
    return text


CronText = Annotated[str, AfterValidator(_possible)]
"""A cron expression, as it is written."""


def _spans(field: _Field, text: str) -> tuple[Span, ...]:
    return tuple(_span(field, part) for part in text.split(","))


def _span(field: _Field, text: str) -> Span:
    numbers, slash, step = text.partition("/")
    first, dash, last = numbers.partition("-")
    if numbers in {"*", "?"}:
        low, high = field.lowest, field.highest
    else:
        low = _number(field, first)
        high = _number(field, last) if dash else field.highest if slash else low
        if field.words is _DAYS and dash and high == 0:
            high = 7  # SAT-SUN
    if low > high:
        raise ValueError(f"the {field.name} `{text}` ends before it begins: write two spans, separated by a comma")
    if slash and not (step.isascii() and step.isdecimal() and 1 <= int(step) <= field.highest):
        raise ValueError(f"the {field.name} `{text}` has no step after its slash: write one such as */5")
    return Span(low, high, int(step) if slash else 1)


def _number(field: _Field, text: str) -> int:
    word = text.lower()[:3]
    if text.isalpha() and word in field.words and len(text) == len(word):
        return field.words.index(word)
    if text.isascii() and text.isdecimal() and field.lowest <= int(text) <= field.highest:
        return int(text)
    names = f" or a name such as {field.words[1].upper()}" if field.words else ""
    raise ValueError(f"{text!r} is no {field.name}: write {field.lowest} to {field.highest}{names}")


def _numbers(spans: tuple[Span, ...]) -> set[int]:
    return {number for span in spans for number in range(span.first, span.last + 1, span.step)}


def _from_sunday(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the weekdays with 0 for Sunday, which is also 7."""
    numbers = sorted({number % 7 for number in _numbers(spans)})
    return (Span(0, 6),) if len(numbers) == len(_DAYS) - 1 else tuple(Span(it, it) for it in numbers)
