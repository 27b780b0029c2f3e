"""CEL expressions and templates of a route: compiled at start, evaluated for each event."""

import json
import re
from typing import Any, Final

import cel
from pydantic_core import to_jsonable_python

from perdure.errors import InvalidMessage, SetupError
from perdure.values.nearest import nearest
from perdure_ingest.cel_text import macro_variables
from perdure_ingest.variables import VARIABLES, EventVariables

__all__ = ["Expression", "Template"]

_FIELD: Final = re.compile(r"\{([^{}]*)\}")


class Expression:
    """One CEL expression of a route."""

    def __init__(self, route: str, field: str, text: str) -> None:
        """Compile the expression.

        Raises:
            SetupError: It is not CEL, or uses a variable that no event has.
        """
        self._label = f"Route {route}: `{field}: {text}`"
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise SetupError(f"`{field}` is not CEL: {error}") from error
        for name in set(self._program.variables()) - macro_variables(text):
            if name not in VARIABLES:
                raise SetupError(f"`{field}` uses {name}, which no event has{_near(name)}")

    def value(self, variables: EventVariables) -> Any:
        """Evaluate the expression for an event.

        Raises:
            InvalidMessage: It fails for this event.
        """
        try:
            return self._program.execute(variables.context)
        except Exception as error:  # CEL raises whatever Python type fits what the expression did wrong
            raise self.refusal(f"fails: {error!r}") from error

    def json(self, variables: EventVariables) -> Any:
        """Evaluate the expression for an event, and return a JSON value.

        Raises:
            InvalidMessage: It fails for this event, or gives what JSON cannot hold.
        """
        value = self.value(variables)
        try:
            converted = to_jsonable_python(value)
            json.dumps(converted, allow_nan=False)
        except ValueError as error:
            raise self.refusal(f"gives what JSON cannot hold: {error}") from error
        return converted

    def refusal(self, problem: str) -> InvalidMessage:
        """Return the error for an event on which this expression has a problem."""
        return InvalidMessage("bad_expression", f"{self._label} {problem}")


class Template:
    """Text with fields of an event in braces, such as ``order-{data.order_id}``."""

    def __init__(self, route: str, field: str, text: str) -> None:
        """Check the template.

        Raises:
            SetupError: A brace has no partner, or a field names what no event has.
        """
        self._route = route
        self._text = text
        if brace := re.search("[{}]", _FIELD.sub("", text)):
            partner = "is not closed" if brace[0] == "{" else "was not opened"
            raise SetupError(f"`{field}: {text}`: a `{brace[0]}` {partner}; write a field as {{data.order_id}}")
        for path in _FIELD.findall(text):
            name = path.strip().partition(".")[0]
            if name not in VARIABLES:
                raise SetupError(f"`{field}: {text}` uses {name or 'an empty field'}, which no event has{_near(name)}")

    def fill(self, variables: EventVariables) -> str:
        """Replace each field by its value.

        Raises:
            InvalidMessage: The event has no such field.
        """
        return _FIELD.sub(lambda field: str(self._look_up(variables, field[1].strip())), self._text)

    def _look_up(self, variables: EventVariables, path: str) -> Any:
        value: Any = variables.values
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                raise InvalidMessage(
                    "bad_data", f"Route {self._route} needs the field {path}, which this event does not have"
                )
            value = value[part]
        return value


def _near(name: str) -> str:
    return nearest(name, VARIABLES)
