"""Durations as people write them: ``500ms``, ``90s``, ``15m``, ``2h``, ``7d``, or a number of seconds."""

import re
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer

__all__ = ["Duration", "parse_duration"]

_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")


def parse_duration(text: str | float | timedelta) -> timedelta:
    """Read a duration; a bare number counts seconds.

    Raises:
        ValueError: It is none; the sentence shows how one is written.
    """
    if isinstance(text, timedelta):
        return text
    written = _WRITTEN.fullmatch(str(text))
    if written is None:
        raise ValueError(f"{text!r} is no duration: write 500ms, 90s, 15m, 2h or 7d")
    try:
        return timedelta(**{_UNITS[written[2] or "s"]: float(written[1])})
    except OverflowError as error:
        raise ValueError(f"{text!r} is longer than a million years") from error


def _read(value: Any) -> timedelta:
    return parse_duration(value)


def _write(value: timedelta) -> str:
    return f"{value.total_seconds()!r}s"


Duration = Annotated[timedelta, BeforeValidator(_read), PlainSerializer(_write, when_used="json")]
"""A field of a configuration that takes what ``parse_duration`` reads."""
