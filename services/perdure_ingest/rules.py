"""Routes, made ready to be tried against events: expressions compiled, schemas loaded."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import AwareDatetime, JsonValue, TypeAdapter, ValidationError

from perdure.bus.topology import matches
from perdure.config.routes import Route
from perdure.config.yaml_file import source_position
from perdure.errors import SetupError
from perdure_ingest.expressions import Expression, Template
from perdure_ingest.schemas import load_check

__all__ = ["Rule", "compile_rules"]

_USUAL: Final = 3
_MOST_URGENT, _LEAST_URGENT = 1, 5
_TIME: Final = TypeAdapter(AwareDatetime)

Facts = Mapping[str, Any]
Input = Expression | dict[str, Expression] | None


class Rule:
    """One route, ready to be tried; methods take what ``facts_of`` an event returns."""

    def __init__(self, route: Route) -> None:
        """Compile all that the route says.

        Raises:
            SetupError: A part of it is wrong.
        """
        self.route = route
        self.name = route.label
        self._when = self._expression("when", route.when)
        self._priority = self._expression("priority", route.priority if isinstance(route.priority, str) else None)
        self._not_before = self._expression("not_before", route.not_before)
        self._key = self._expression("flow.key", route.flow.key if route.flow else None)
        self._input = self._compile_input("input", route.input)
        both = route.signal_with_start
        self._start_input = self._compile_input("signal_with_start.input", both.input if both else None)
        self._workflow_id = Template(self.name, route.workflow_id) if route.workflow_id else None
        self._fairness_key = Template(self.name, route.fairness_key) if route.fairness_key else None
        self._check = load_check(route.data_schema) if route.data_schema is not None else None

    def matches(self, facts: Facts) -> bool:
        """Tell whether the event is meant for this route.

        Raises:
            InvalidMessage: The condition cannot be tried on this event.
        """
        if not matches(self.route.on, facts["type"]):
            return False
        if self._when is None:
            return True
        answer = self._when.value(facts)
        if not isinstance(answer, bool):
            raise self._when.refusal(f"gives {answer!r}, not true or false")
        return answer

    def check(self, data: JsonValue) -> None:
        """Refuse data that does not fit the route's schema.

        Raises:
            InvalidMessage: The detail names the field.
        """
        if self._check is not None:
            self._check(data)

    def workflow_id(self, facts: Facts) -> str | None:
        """Fill the route's template, if it has one.

        Raises:
            InvalidMessage: The event has no such field.
        """
        return self._workflow_id.fill(facts) if self._workflow_id else None

    def input(self, facts: Facts) -> JsonValue:
        """Return what the workflow or signal gets.

        Raises:
            InvalidMessage: An expression fails on this event.
        """
        return _made(self._input, facts)

    def start_input(self, facts: Facts) -> JsonValue:
        """Return what a run gets that is started for a signal.

        Raises:
            InvalidMessage: An expression fails on this event.
        """
        return _made(self._start_input, facts)

    def priority(self, facts: Facts) -> int | None:
        """Return the run's priority, if the route says one.

        Raises:
            InvalidMessage: The expression gives none.
        """
        if self._priority is None:
            return self.route.priority if isinstance(self.route.priority, int) else None
        value = self._priority.value(facts)
        if not isinstance(value, int) or isinstance(value, bool) or not _MOST_URGENT <= value <= _LEAST_URGENT:
            raise self._priority.refusal(f"gives {value!r}, not a whole number from 1 to 5")
        return value

    def fairness_key(self, facts: Facts) -> str | None:
        """Fill the route's template, if it has one; Temporal takes 64 bytes.

        Raises:
            InvalidMessage: The event has no such field.
        """
        if self._fairness_key is None:
            return None
        return self._fairness_key.fill(facts).encode()[:64].decode(errors="ignore")

    def not_before(self, facts: Facts, stored_at: datetime) -> datetime | None:
        """Return when the run may begin, if the route says so.

        Raises:
            InvalidMessage: The expression gives no time.
        """
        delayed = stored_at + self.route.start_delay if self.route.start_delay else None
        if self._not_before is None:
            return delayed
        value = self._not_before.value(facts)
        try:
            asked = _TIME.validate_python(value)
        except ValidationError as error:
            raise self._not_before.refusal(f"gives {value!r}, not a time with its zone") from error
        return max(asked, delayed) if delayed else asked

    def key(self, facts: Facts) -> str:
        """Return what the route's flow control goes by.

        Raises:
            InvalidMessage: The expression fails on this event.
        """
        return "" if self._key is None else str(self._key.json(facts))

    def _expression(self, field: str, text: str | None) -> Expression | None:
        return None if text is None else Expression(self.name, field, text)

    def _compile_input(self, field: str, given: str | dict[str, str] | None) -> Input:
        if isinstance(given, dict):
            return {name: Expression(self.name, f"{field}.{name}", text) for name, text in given.items()}
        return self._expression(field, given)


def _made(given: Input, facts: Facts) -> JsonValue:
    match given:
        case None:
            data: JsonValue = facts["data"]
            return data
        case Expression() as whole:
            made: JsonValue = whole.json(facts)
            return made
        case fields:
            return {name: field.json(facts) for name, field in fields.items()}


def compile_rules(routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Make all routes ready.

    Raises:
        SetupError: A part of one is wrong, or two routes share a name: their workflow ids would collide. The sentence
            tells the line of the configuration file.
    """
    rules: list[Rule] = []
    for number, route in enumerate(routes):
        try:
            rules.append(Rule(route))
        except SetupError as error:
            raise SetupError(f"{source_position('routes', number)}route {route.label}: {error}") from error
        if any(rule.name == route.label for rule in rules[:-1]):
            raise SetupError(
                f"{source_position('routes', number)}two routes are called {route.label}: give each its own `name`. "
                "Workflow ids contain it."
            )
    return tuple(rules)
