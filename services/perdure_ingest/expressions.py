"""CEL expressions of a route: compiled at start, evaluated for each event."""

import json
from typing import Any

from pydantic_core import to_jsonable_python

from perdure.errors import InvalidMessage, SetupError
from perdure.values.cel_engine import cel
from perdure.values.cel_functions import unknown_function
from perdure.values.cel_tokens import macro_variables
from perdure.values.nearest import nearest
from perdure_ingest.cel_text import VariablePath, variable_paths
from perdure_ingest.exact_integers import inexact
from perdure_ingest.variables import VARIABLES, EventVariables

__all__ = ["Expression"]


class Expression:
    """One CEL expression of a route.

    Attributes:
        is_constant: Whether it gives the same for every event.
    """

    def __init__(self, route: str, field: str, text: str) -> None:
        """Compile the expression.

        Raises:
            SetupError: It is not CEL, or uses a variable that no event has or a function that CEL does not have.
        """
        self._label = f"Route {route}: `{field}: {text}`"
        try:
            self._program = cel.compile(text)
        except ValueError as error:
            raise SetupError(f"`{field}` is not CEL: {error}") from error
        defined = macro_variables(text)
        for name in set(self._program.variables()) - defined:
            if name not in VARIABLES:
                raise SetupError(f"`{field}` uses {name}, which no event has{nearest(name, VARIABLES)}")
        if unknown := unknown_function(self._program.functions()):
            raise SetupError(f"`{field}` {unknown}")
        self.is_constant = not self._program.variables()
        shadowed = (VariablePath(name, (name,)) for name in VARIABLES if name in defined)
        self._paths = (*variable_paths(text), *shadowed)

    def holds(self, variables: EventVariables) -> bool:
        """Evaluate the expression as a condition; integers beyond CEL's are compared as doubles.

        Raises:
            InvalidMessage: It fails for this event, or is neither true nor false.
        """
        value = self._evaluate(variables)
        if not isinstance(value, bool):
            raise self.refusal(f"gives {value!r}, not true or false")
        return value

    def value(self, variables: EventVariables) -> Any:
        """Evaluate the expression for an event.

        Raises:
            InvalidMessage: It fails for this event, or reads an integer whose digits CEL would lose.
        """
        for path in self._paths if variables.holds_inexact else ():
            if (number := inexact(path.value_in(variables.values))) is not None:
                raise self.refusal(f"reads {path.text}: {number} is beyond the integers of CEL; send it as text")
        return self._evaluate(variables)

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

    def _evaluate(self, variables: EventVariables) -> Any:
        try:
            return self._program.execute(variables.context)
        except Exception as error:  # CEL raises whatever Python type fits what the expression did wrong
            raise self.refusal(f"fails: {error!r}") from error
