"""Expressions (CEL) and templates of a route, made ready at start and tried on each event."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

import cel
from pydantic_core import to_jsonable_python

from perdure.contracts import Event
from perdure.errors import InvalidMessage, SetupError

__all__ = ["Expression", "Template", "facts_of"]

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_BOUND: Final = re.compile(r"\.(?:map|filter|all|exists|exists_one)\(\s*(\w+)\s*,")  # names that an expression makes
_NAMES: Final = ("data", "headers", "id", "source", "subject", "time", "type")


def facts_of(event: Event, *, headers: Mapping[str, str], stored_at: datetime) -> dict[str, Any]:
    """Return what expressions and templates see of an event."""
    return {
        **event.model_dump(),
        "time": event.time or stored_at,
        "headers": {name.lower(): value for name, value in headers.items()},
    }


class Expression:
    """One CEL expression of a route."""

    def __init__(self, route: str, field: str, text: str) -> None:
        """Compile it.

        Raises:
            SetupError: It is no CEL, or speaks of something that an event does not have.
        """
        self._about = f"Route {route}: `{field}: {text}`"
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise SetupError(f"`{field}` is not CEL: {error}") from error
        for name in set(self._program.variables()) - set(_BOUND.findall(text)):
            if name not in _NAMES:
                near = get_close_matches(name, _NAMES, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_NAMES)}"
                raise SetupError(f"`{field}` speaks of {name}, which no event has: {hint}")

    def value(self, facts: Mapping[str, Any]) -> Any:
        """Try it on an event.

        Raises:
            InvalidMessage: It fails on this event.
        """
        try:
            return self._program.execute(dict(facts))
        except Exception as error:  # CEL raises whatever Python type fits what the expression did wrong
            raise self.refusal(f"fails: {error!r}") from error

    def json(self, facts: Mapping[str, Any]) -> Any:
        """Try it on an event, and return a JSON value.

        Raises:
            InvalidMessage: It fails on this event, or gives what JSON cannot hold.
        """
        value = self.value(facts)
        try:
            given = to_jsonable_python(value)
            json.dumps(given, allow_nan=False)
        except ValueError as error:
            raise self.refusal(f"gives what JSON cannot hold: {error}") from error
        return given

    def refusal(self, why: str) -> InvalidMessage:
        """Say what is wrong with it on this event."""
        return InvalidMessage("bad_expression", f"{self._about} {why}")


class Template:
    """Text with places for fields of an event, such as ``order-{data.order_id}``."""

    def __init__(self, route: str, text: str) -> None:
        self._route = route
        self._text = text

    def fill(self, facts: Mapping[str, Any]) -> str:
        """Fill the places.

        Raises:
            InvalidMessage: The event has no such field.
        """
        return _PLACE.sub(lambda place: str(self._look_up(facts, place[1].strip())), self._text)

    def _look_up(self, facts: Mapping[str, Any], path: str) -> Any:
        value: Any = facts
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                raise InvalidMessage(
                    "bad_data", f"Route {self._route} needs the field {path}, which this event does not have"
                )
            value = value[part]
        return value
