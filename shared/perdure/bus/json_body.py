"""Reads JSON as everybody reads it: UTF-8, finite numbers, whole characters, each name once in an object."""

import json
import math
from typing import Final, Never

from pydantic import JsonValue

from perdure.errors import InvalidMessage

__all__ = ["read_json"]

_BOM: Final = b"\xef\xbb\xbf"  # what PowerShell and Excel write before UTF-8


def read_json(body: bytes) -> JsonValue:
    """Return the value of a body.

    Raises:
        InvalidMessage: ``not_utf8`` or ``not_json``, with the place.
    """
    try:
        text = body.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage("not_utf8", f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    try:
        value: JsonValue = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_refuse_second
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidMessage(
            "not_json", "The body contains half of a surrogate pair, which UTF-8 cannot encode."
        ) from error
    except RecursionError as error:
        raise InvalidMessage("not_json", "The body is nested too deeply.") from error
    except ValueError as error:
        raise InvalidMessage("not_json", f"The body is not JSON: {error}.") from error
    return value


def _refuse_second(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return an object; of a name that stands in it twice, readers would take either value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:80]!r} stands twice in an object")
    return found


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is larger than any double")
    return number
