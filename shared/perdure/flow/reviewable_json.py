"""The JSON that reviewers see, the same in every process."""

import json
from collections import deque
from typing import Any, Final

from pydantic import JsonValue, TypeAdapter
from pydantic_core import to_jsonable_python

__all__ = ["reviewable_json"]

_ANYTHING: Final = TypeAdapter[Any](Any)


def reviewable_json(details: Any) -> JsonValue:
    """Return a value as JSON that is the same in every process: sets are sorted.

    Raises:
        TypeError: A part has no order that another process would repeat.
    """
    shown: JsonValue = to_jsonable_python(details)
    try:
        value = _ANYTHING.dump_python(details, warnings=False)
    except TypeError as error:  # pydantic turns objects into mappings, which a set cannot hold
        raise TypeError("Objects in a set have no order that can be repeated: show a list of them.") from error
    return _in_order(shown, value)


def _in_order(shown: JsonValue, value: Any) -> JsonValue:
    """Sort the lists that were sets: ``value`` equals ``shown`` part by part, in Python's own types."""
    match shown, value:
        case list(), set() | frozenset():
            nested = any(isinstance(item, list) for item in shown)
            return sorted(map(reviewable_json, value) if nested else shown, key=json.dumps)
        case list(), list() | tuple() | deque() if len(shown) == len(value):
            return [_in_order(*pair) for pair in zip(shown, value, strict=True)]
        case dict(), dict() if len(shown) == len(value):
            return {key: _in_order(*pair) for key, *pair in zip(shown, shown.values(), value.values(), strict=True)}
        case list() | dict(), _:
            raise TypeError(f"A {type(value).__name__} has no order that can be repeated: show a list or a dict.")
    return shown
