"""Finds integers whose digits CEL would lose: it has 64 bits for an integer, and makes doubles of larger ones."""

from typing import Any

__all__ = ["inexact"]

_SMALLEST, _LARGEST = -(2**63), 2**64 - 1  # Source: CEL's int and uint


def inexact(value: Any) -> int | None:
    """Return the first integer in a JSON value that CEL cannot hold, or None."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case int() as number if not _SMALLEST <= number <= _LARGEST:
                return number
            case dict() as fields:
                waiting += reversed(fields.values())
            case list() as items:
                waiting += reversed(items)
    return None
