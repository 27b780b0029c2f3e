"""A route's `when`: whether it holds for an event, and which part of it does not."""

import json
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import to_jsonable_python

from perdure.values.cel_engine import cel
from perdure.values.printable import printable
from perdure_ingest.cel_text import MISSING, VariablePath, split_conjuncts, variable_paths
from perdure_ingest.expressions import Expression
from perdure_ingest.variables import EventVariables

__all__ = ["Condition"]

_LONGEST_VALUE: Final = 80  # characters
_LONGEST_CONJUNCT: Final = 200  # characters
_MOST_VALUES: Final = 5


@dataclass(frozen=True, slots=True)
class _Conjunct:
    text: str
    program: cel.Program
    paths: tuple[VariablePath, ...]


class Condition:
    """The condition of one route.

    Attributes:
        whole: Its expression.
    """

    def __init__(self, route: str, text: str) -> None:
        """Compile the condition and each of its conjuncts.

        Raises:
            SetupError: It is not CEL, or uses a variable that no event has.
        """
        self.whole = Expression(route, "when", text)
        self._conjuncts = [
            _Conjunct(conjunct, cel.compile(conjunct), variable_paths(conjunct)) for conjunct in split_conjuncts(text)
        ]

    def mismatch(self, variables: EventVariables) -> str:
        """Return which part of the condition is false, with the values it read; empty if the condition holds.

        The whole condition is evaluated first, because CEL's ``&&`` ignores an error on one side if the other is false.

        Raises:
            InvalidMessage: The condition fails for this event, or is neither true nor false.
        """
        return "" if self.whole.holds(variables) else _explain(self._first_false(variables), variables)

    def _first_false(self, variables: EventVariables) -> _Conjunct:
        """Return the first conjunct that is false; those after it are not evaluated."""
        *earlier, last = self._conjuncts
        return next((conjunct for conjunct in earlier if _is_false(conjunct, variables)), last)


def _is_false(conjunct: _Conjunct, variables: EventVariables) -> bool:
    try:
        return conjunct.program.execute(variables.context) is False
    except Exception:  # noqa: BLE001 (CEL raises many types; the conjunction is false, so a later conjunct is)
        return False


def _explain(conjunct: _Conjunct, variables: EventVariables) -> str:
    values = [f"{path.text} is {_show(path.value_in(variables.values))}" for path in conjunct.paths[:_MOST_VALUES]]
    return f"{_cut(conjunct.text, _LONGEST_CONJUNCT)} is false" + (f": {', '.join(values)}" if values else "")


def _show(value: Any) -> str:
    if value is MISSING:
        return "missing"
    text = json.dumps(to_jsonable_python(value), ensure_ascii=False)
    return printable(_cut(text, _LONGEST_VALUE))


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
