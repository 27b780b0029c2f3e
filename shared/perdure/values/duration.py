"""Durations as text: ``500ms``, ``90s``, ``15m``, ``2h``, ``7d``, or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Duration", "duration_text", "parse_duration"]

_LONGEST: Final = timedelta(days=36_500)  # Temporal's server counts in nanoseconds, which end after 292 years
_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PATTERN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")


def parse_duration(text: str | float | timedelta) -> timedelta:
    """Read a duration; a bare number is in seconds.

    Raises:
        ValueError: The text is no duration, or longer than 100 years; the message shows how to write one.
    """
    if not isinstance(text, timedelta):
        return parse_duration(_read(str(text)))
    if text > _LONGEST:
        raise ValueError(f"{duration_text(text)} is too long: a duration is at most 36500d (100 years)")
    return text


def duration_text(duration: timedelta) -> str:
    """Write a duration in its largest whole unit, as ``parse_duration`` reads it."""
    seconds = duration.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:g}s"


def _read(text: str) -> timedelta:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: write 500ms, 90s, 15m, 2h or 7d")
    try:
        return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})
    except OverflowError:
        return timedelta.max


def _parse(value: Any) -> timedelta:
    return parse_duration(value)


def _to_text(value: timedelta) -> str:
    return f"{value.total_seconds()!r}s"


Duration = Annotated[timedelta, BeforeValidator(_parse), PlainSerializer(_to_text, when_used="json")]
"""The type of a pydantic field that accepts whatever ``parse_duration`` reads; in JSON, seconds such as ``90.0s``."""
