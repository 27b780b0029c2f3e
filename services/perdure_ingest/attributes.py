"""The search attributes that a route makes of an event."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import isfinite
from typing import Any, Final

from pydantic_core import to_jsonable_python

from perdure.config.problem import Problem
from perdure.config.route_attributes import attribute_types, attribute_value
from perdure.config.routes import Route
from perdure.config.yaml_file import source_position
from perdure.contracts import SearchAttribute
from perdure.values.search_attribute import LONGEST_KEYWORD, AttributeType
from perdure_ingest.expressions import Expression
from perdure_ingest.instants import read_instant
from perdure_ingest.plain_text import plain_text
from perdure_ingest.variables import EventVariables

__all__ = ["Attributes", "clashing_attributes"]

_LARGEST_INT: Final = 2**63 - 1


class Attributes:
    """The compiled attributes of one route."""

    def __init__(self, route: Route) -> None:
        """Compile the expressions.

        Raises:
            SetupError: One is wrong.
        """
        self._types: dict[str, AttributeType] = {}
        self._expressions: dict[str, Expression] = {}
        for name, given in route.attributes.items():
            text, self._types[name] = attribute_value(given)
            self._expressions[name] = Expression(route.label, f"attributes.{name}", text)

    def values(self, variables: EventVariables) -> dict[str, SearchAttribute]:
        """Return the attributes of an event's run; null leaves one out.

        Raises:
            InvalidMessage: An expression fails for this event, or its value does not fit the type.
        """
        found = {name: self._value(name, variables) for name in self._expressions}
        return {name: value for name, value in found.items() if value is not None}

    def uses(self) -> Iterator[tuple[Expression, Callable[[EventVariables], object]]]:
        """Yield each expression, and what evaluates it."""
        for name, expression in self._expressions.items():
            yield expression, partial(self._value, name)

    def _value(self, name: str, variables: EventVariables) -> SearchAttribute | None:
        expression, type_ = self._expressions[name], self._types[name]
        value = expression.value(variables)
        if value is None:
            return None
        try:
            return SearchAttribute(type=type_, value=_READERS[type_](value))
        except ValueError as error:
            text = f"gives {value!r}, which is no {_shown(type_)}: {error}"
            raise expression.refusal(text) from error


def clashing_attributes(routes: Sequence[Route], number: int) -> Iterator[Problem]:
    """Yield each attribute of a route that an earlier route gives with another type: Temporal knows one type a name."""
    route, earlier = routes[number], attribute_types(routes[:number])
    for name, given in route.attributes.items():
        type_ = attribute_value(given)[1]
        if earlier.get(name, type_) != type_:
            what = (
                f"route {route.label}: `attributes.{name}` is a {_shown(type_)} here and a {_shown(earlier[name])} in "
                f"a route before: write its type in both, as `{name}: {{value: …, type: {earlier[name]}}}`"
            )
            yield Problem(where=source_position("routes", number), what=what)


def _shown(type_: AttributeType) -> str:
    return type_.replace("_", " ")


def _keyword(value: Any) -> str:
    text = plain_text(value)
    if len(text) > LONGEST_KEYWORD:
        raise ValueError(f"it has {len(text)} characters, and Temporal keeps {LONGEST_KEYWORD}")
    return text


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise ValueError("a whole number is needed")
    if abs(value) > _LARGEST_INT:
        raise ValueError("it has more than 64 bits")
    return int(value)


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("a number is needed")  # noqa: TRY004 (the caller makes a refusal of it)
    if not isfinite(value):
        raise ValueError("a finite number is needed")
    return float(value)


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is needed")  # noqa: TRY004 (the caller makes a refusal of it)
    return value


def _datetime(value: Any) -> str:
    return str(to_jsonable_python(read_instant(value)))


def _keyword_list(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of texts is needed")  # noqa: TRY004 (the caller makes a refusal of it)
    return tuple(map(_keyword, value))


_READERS: Final[dict[AttributeType, Callable[[Any], bool | int | float | str | tuple[str, ...]]]] = {
    "keyword": _keyword,
    "int": _int,
    "double": _double,
    "bool": _bool,
    "datetime": _datetime,
    "keyword_list": _keyword_list,
}
