"""Reads JSON as everybody reads it: UTF-8, finite numbers, whole characters."""

import json
import math
from typing import Never

from pydantic import JsonValue

from perdure.errors import InvalidMessage

__all__ = ["read_json"]


def read_json(body: bytes) -> JsonValue:
    """Return the value of a body.

    Raises:
        InvalidMessage: ``not_utf8`` or ``not_json``, with the place.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidMessage("not_utf8", f"The body is not UTF-8: {error.reason} at byte {error.start}.") from error
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
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


def _refuse_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is larger than any double")
    return number
