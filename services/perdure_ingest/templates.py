"""Templates of a route: text with fields of an event in braces."""

import re
from typing import Any, Final

from perdure.errors import InvalidMessage, SetupError
from perdure.values.nearest import nearest
from perdure_ingest.plain_text import plain_text
from perdure_ingest.variables import VARIABLES, EventVariables

__all__ = ["Template"]

_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_SUBSCRIPT: Final = re.compile(r"""\[(["'])([^\]"']*)\1\]""")
_NO_NAME: Final = re.compile(r"""[\[\]"']""")
_NAMES: Final = ": write names with dots, such as {data.order_id}"


class Template:
    """Text with fields of an event in braces, such as ``order-{data.order_id}``."""

    def __init__(self, route: str, field: str, text: str) -> None:
        """Check the template.

        Raises:
            SetupError: A brace has no partner, or a field names what no event has.
        """
        self._route = route
        self._label = f"Route {route}: `{field}: {text}`"
        self._text = text
        if brace := re.search("[{}]", _FIELD.sub("", text)):
            partner = "is not closed" if brace[0] == "{" else "was not opened"
            raise SetupError(f"`{field}: {text}`: a `{brace[0]}` {partner}; write a field as {{data.order_id}}")
        for path in _FIELD.findall(text):
            if problem := _problem(path.strip()):
                raise SetupError(f"`{field}: {text}` {problem}")

    def fill(self, variables: EventVariables) -> str:
        """Replace each field by its value.

        Raises:
            InvalidMessage: The event has no such field, or it holds null, empty text, a list or an object.
        """
        return _FIELD.sub(lambda field: self._look_up(variables, field[1].strip()), self._text)

    def refusal(self, problem: str) -> InvalidMessage:
        """Return the error for an event on which this template has a problem."""
        return InvalidMessage("bad_data", f"{self._label} {problem}")

    def _look_up(self, variables: EventVariables, path: str) -> str:
        value: Any = variables.values
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                raise InvalidMessage(
                    "bad_data", f"Route {self._route} needs the field {path}, which this event does not have"
                )
            value = value[part]
        try:
            text = plain_text(value)
        except ValueError as error:
            raise self.refusal(f"needs text, a number, true or false, but {path} is {error}") from error
        if not text:
            raise self.refusal(f"needs text, a number, true or false, but {path} is empty")
        return text


def _problem(path: str) -> str:
    """Return why no event has this field; empty if one may."""
    name, *inner = path.split(".")
    dotted = _SUBSCRIPT.sub(r".\2", path)
    if dotted != path and dotted.partition(".")[0] in VARIABLES:
        return f"uses {path}: write it with dots, {{{dotted}}}"
    if _NO_NAME.search(path):
        return f"uses {path}, which names no field{_NAMES}; a template cannot read an element of a list"
    if name not in VARIABLES:
        return f"uses {name or 'an empty field'}, which no event has{nearest(name, VARIABLES)}"
    return _part_problem(path, name, inner)


def _part_problem(path: str, name: str, inner: list[str]) -> str:
    if name not in {"data", "headers"} and inner:
        return f"uses {path}, but {name} has no fields: write {{{name}}}"
    if name == "headers" and path != path.lower():
        return f"uses {path}, but header names are in lower case: write {{{path.lower()}}}"
    if path == "headers" or not all(inner):
        example = "data.order_id" if name == "data" else "headers.x-tenant"
        return f"uses {path}, which names no field: write one such as {{{example}}}"
    return ""
