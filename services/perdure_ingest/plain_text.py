"""Values of an event as text in ids and keys."""

from datetime import datetime
from typing import Any

from pydantic_core import to_jsonable_python

__all__ = ["plain_text"]


def plain_text(value: Any) -> str:
    """Return text as it is, numbers and booleans as JSON writes them, and times in RFC 3339.

    Raises:
        ValueError: The value is null, a list or an object, which identify nothing; the message says which.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case datetime():
            return str(to_jsonable_python(value))
        case None:
            raise ValueError("null")
        case _:
            raise ValueError("an object" if isinstance(value, dict) else "a list")
