"""Instants are kept in UTC, so that they read back as they were written; RFC 3339 has no odd offsets of old zones."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

__all__ = ["Instant"]


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC this instant lies outside the years 1 to 9999") from error


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time, in UTC whatever zone it came in."""
