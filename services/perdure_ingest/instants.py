"""Reads what an expression gives as an instant."""

import re
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from perdure.contracts.instant import Instant

__all__ = ["read_instant"]

# Source: RFC 3339, section 5.6; pydantic alone would also take numbers, dates and digits
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)


def read_instant(value: Any) -> datetime:
    """Return a timestamp, or RFC 3339 text, in UTC.

    Raises:
        ValueError: It is neither, or lies outside the years 1 to 9999.
    """
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise ValueError("not a time with its zone; write 2026-11-24T08:00:00Z")
    try:
        return _INSTANT.validate_python(value)
    except ValidationError as error:
        raise ValueError(f"not a time: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
