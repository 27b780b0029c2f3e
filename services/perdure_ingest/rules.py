"""Routes, made ready to be tried against events: conditions compiled, schemas loaded, patterns split."""

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import cel
from jsonschema import Draft202012Validator, SchemaError
from pydantic import BaseModel, JsonValue, ValidationError

from perdure.bus.envelope import explain
from perdure.bus.topology import matches
from perdure.contracts import Event
from perdure.errors import InvalidMessage, SetupError
from perdure.routes import Route

__all__ = ["Rule", "compile_rules"]

_PLACE: Final = re.compile(r"\{([^{}]*)\}")

Check = Callable[[JsonValue], None]


class Rule:
    """One route, ready to be tried."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.name = route.label
        self._condition = _compile_condition(route)
        self._check = _load_check(route)

    def matches(self, event: Event) -> bool:
        """Tell whether the event is meant for this route.

        Raises:
            InvalidMessage: The condition cannot be tried on this event.
        """
        if not matches(self.route.on, event.type):
            return False
        if self._condition is None:
            return True
        try:
            answer = self._condition.execute(event.model_dump())
        except Exception as error:  # CEL raises whatever Python type fits what the expression did wrong
            raise InvalidMessage("bad_condition", f"Route {self.name}: `{self.route.when}` fails: {error!r}") from error
        if not isinstance(answer, bool):
            raise InvalidMessage(
                "bad_condition", f"Route {self.name}: `{self.route.when}` gave {answer!r}, not true or false"
            )
        return answer

    def check(self, event: Event) -> None:
        """Refuse data that does not fit the route's schema.

        Raises:
            InvalidMessage: The detail names the field.
        """
        if self._check is not None:
            self._check(event.data)

    def target(self, event: Event) -> str:
        """Return whom to signal: the template with its places filled from the event.

        Raises:
            InvalidMessage: The event has no such field.
        """
        fields = event.model_dump()
        return _PLACE.sub(lambda place: str(_look_up(fields, place[1], self.name)), self.route.workflow_id or "")


def compile_rules(routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Make all routes ready.

    Raises:
        SetupError: A condition or schema is wrong, or two routes share a name: their workflow ids would collide.
    """
    rules = tuple(Rule(route) for route in routes)
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SetupError(f"Two routes are called {twice}: give each a `name` of its own, workflow ids are made of it.")
    return rules


def _compile_condition(route: Route) -> cel.Program | None:
    if route.when is None:
        return None
    try:
        return cel.compile(route.when)
    except ValueError as error:
        raise SetupError(f"Route {route.label}: `when` is not CEL: {error}") from error


def _load_check(route: Route) -> Check | None:
    if route.data_schema is None:
        return None
    if isinstance(route.data_schema, str):
        return _model_check(route, route.data_schema)
    try:
        Draft202012Validator.check_schema(route.data_schema)
    except SchemaError as error:
        raise SetupError(f"Route {route.label}: `schema` is not a JSON Schema: {error.message}") from error
    return _schema_check(Draft202012Validator(route.data_schema))


def _model_check(route: Route, path: str) -> Check:
    module, _, name = path.partition(":")
    try:
        model = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SetupError(f"Route {route.label}: `schema` {path} cannot be loaded: {error}") from error
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise SetupError(f"Route {route.label}: `schema` {path} is not a pydantic model.")

    def check(data: JsonValue) -> None:
        try:
            model.model_validate(data)
        except ValidationError as error:
            raise InvalidMessage("bad_data", f"The data does not fit {name}: {explain(error)}") from error

    return check


def _schema_check(validator: Draft202012Validator) -> Check:
    def check(data: JsonValue) -> None:
        problem = next(validator.iter_errors(data), None)
        if problem is not None:
            raise InvalidMessage(
                "bad_data", f"The data does not fit the schema: {problem.json_path}: {problem.message}"
            )

    return check


def _look_up(fields: Any, path: str, rule: str) -> Any:
    value = fields
    for part in path.strip().split("."):
        if not isinstance(value, dict) or part not in value:
            raise InvalidMessage(
                "bad_data", f"Route {rule} needs the field {path.strip()}, which this event does not have"
            )
        value = value[part]
    return value
