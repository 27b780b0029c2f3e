"""Rules: routes with their expressions compiled and their schemas loaded, ready to be evaluated."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final

from pydantic import JsonValue

from perdure.bus.subject_patterns import matches
from perdure.config.problem import InvalidConfiguration, Problem
from perdure.config.routes import Route
from perdure.config.yaml_file import source_position
from perdure.contracts import Event
from perdure.errors import InvalidMessage, SetupError
from perdure.values.run_id import SEPARATOR, default_run_id, fit_run_id
from perdure_ingest.attributes import Attributes, clashing_attributes
from perdure_ingest.condition import Condition
from perdure_ingest.evaluation import Evaluation, Refusal, Stage
from perdure_ingest.expressions import Expression
from perdure_ingest.instants import read_instant
from perdure_ingest.plain_text import plain_text
from perdure_ingest.schemas import load_check
from perdure_ingest.shared_run_ids import shared_run_ids
from perdure_ingest.templates import Template
from perdure_ingest.variables import Arrival, EventVariables

__all__ = ["Rule", "compile_rule", "compile_rules"]

_MOST_URGENT, _LEAST_URGENT = 1, 5
_LONGEST_FAIRNESS_KEY: Final = 64  # bytes; Temporal's own limit
_ANY_EVENT: Final = EventVariables(
    Event(id="any", type="any", source="any"), Arrival(1, datetime.fromtimestamp(0, UTC), headers={})
)

Input = Expression | dict[str, Expression] | None


class Rule:
    """One compiled route.

    Attributes:
        route: The route as it is configured.
        name: Its label.
    """

    def __init__(self, route: Route) -> None:
        """Compile the route.

        Raises:
            SetupError: A part of it is wrong.
        """
        self.route = route
        self.name = route.label
        self._condition = Condition(self.name, route.when) if route.when is not None else None
        self._check = load_check(route.data_schema) if route.data_schema is not None else None
        self._workflow_id = Template(self.name, "workflow_id", route.workflow_id) if route.workflow_id else None
        self._priority = self._compile("priority", route.priority if isinstance(route.priority, str) else None)
        self._fairness_key = Template(self.name, "fairness_key", route.fairness_key) if route.fairness_key else None
        self._not_before = self._compile("not_before", route.not_before)
        self._key = self._compile("flow.key", route.flow.key if route.flow else None)
        self._order = self._compile("order", route.order)
        self._input = self._compile_input("input", route.input)
        both = route.signal_with_start
        self._start_input = self._compile_input("signal_with_start.input", both.input if both else None)
        self._attributes = Attributes(route)
        self._refuse_failing_constants()

    def evaluate(self, variables: EventVariables) -> Evaluation:
        """Evaluate the route for an event; an event that the route cannot take is a result, not an error."""
        event = variables.event
        if not matches(self.route.on, event.type):
            reason = f"`on: {self.route.on}` does not match {event.type}"
            return Evaluation(self.name, matched=False, named=False, reason=reason)
        stage: Stage = "condition"
        try:
            if self._condition is not None and (mismatch := self._condition.mismatch(variables)):
                return Evaluation(self.name, matched=False, reason=mismatch)
            stage = "schema"
            if self._check is not None:
                self._check(event.data)
            stage = "values"
            return self._computed(variables)
        except InvalidMessage as error:
            refusal = Refusal(stage, error.reason, error.detail)
            if stage == "condition":
                return Evaluation(self.name, matched=False, reason=error.detail, refusal=refusal)
            return Evaluation(self.name, matched=True, refusal=refusal)

    def _computed(self, variables: EventVariables) -> Evaluation:
        return Evaluation(
            self.name,
            matched=True,
            workflow_id=self._run_id(variables),
            priority=self._priority_value(variables),
            fairness_key=self._fairness_key_value(variables),
            not_before=self._not_before_time(variables),
            input=_input_value(self._input, variables),
            start_input=_input_value(self._start_input, variables) if self.route.signal_with_start else None,
            key=self._key_value(variables),
            order=None if self._order is None else self._order_value(variables),
            attributes=self._attributes.values(variables),
        )

    def _run_id(self, variables: EventVariables) -> str:
        if self._workflow_id is None:
            return default_run_id(self.name, variables.event.id, variables.event.source)
        text = self._workflow_id.fill(variables)
        if not text:
            raise self._workflow_id.refusal("is empty for this event, and a run needs an id")
        if SEPARATOR in text and self.route.workflow is not None:
            raise self._workflow_id.refusal(f"gives {text}: a {SEPARATOR} is for the ids that routes give by default")
        return fit_run_id(text)

    def _key_value(self, variables: EventVariables) -> str:
        return self._plain_text(self._key, "flow.key", variables)

    def _order_value(self, variables: EventVariables) -> str:
        return self._plain_text(self._order, "order", variables)

    def _plain_text(self, expression: Expression | None, field: str, variables: EventVariables) -> str:
        if expression is None:
            return ""
        try:
            return plain_text(expression.json(variables))
        except ValueError as error:
            problem = f"Route {self.name}: `{field}` needs text, a number, true or false, but gives {error}"
            raise InvalidMessage("bad_data", problem) from error

    def _priority_value(self, variables: EventVariables) -> int | None:
        if self._priority is None:
            return self.route.priority if isinstance(self.route.priority, int) else None
        value = self._priority.value(variables)
        if not isinstance(value, int) or isinstance(value, bool) or not _MOST_URGENT <= value <= _LEAST_URGENT:
            raise self._priority.refusal(f"gives {value!r}, not a whole number from 1 to 5")
        return value

    def _fairness_key_value(self, variables: EventVariables) -> str | None:
        if self._fairness_key is None:
            return None
        return self._fairness_key.fill(variables).encode()[:_LONGEST_FAIRNESS_KEY].decode(errors="ignore")

    def _not_before_time(self, variables: EventVariables) -> datetime | None:
        """Return the later of ``start_delay`` after the event and ``not_before``."""
        stored_at = variables.arrival.stored_at
        delayed = stored_at + self.route.start_delay if self.route.start_delay else None
        if self._not_before is None:
            return delayed
        value = self._not_before.value(variables)
        try:
            not_before = read_instant(value)
        except ValueError as error:
            raise self._not_before.refusal(f"gives {value!r}: {error}") from error
        return max(not_before, delayed) if delayed else not_before

    def _refuse_failing_constants(self) -> None:
        """Evaluate each expression that gives the same for every event: what fails for one fails for all.

        Raises:
            SetupError: It fails, or gives what the route cannot use.
        """
        uses: list[tuple[Expression | None, Callable[[EventVariables], object]]] = [
            (self._priority, self._priority_value),
            (self._not_before, self._not_before_time),
            (self._key, self._key_value),
            (self._order, self._order_value),
            *self._attributes.uses(),
            *((it, it.json) for given in (self._input, self._start_input) for it in _expressions(given)),
        ]
        if self._condition is not None:
            uses.append((self._condition.whole, self._condition.whole.holds))
        for expression, use in uses:
            if expression is None or not expression.is_constant:
                continue
            try:
                use(_ANY_EVENT)
            except InvalidMessage as error:
                raise SetupError(error.detail.removeprefix(f"Route {self.name}: ")) from error

    def _compile(self, field: str, text: str | None) -> Expression | None:
        return None if text is None else Expression(self.name, field, text)

    def _compile_input(self, field: str, configured: str | dict[str, str] | None) -> Input:
        if isinstance(configured, dict):
            return {name: Expression(self.name, f"{field}.{name}", text) for name, text in configured.items()}
        return self._compile(field, configured)


def _expressions(given: Input) -> Iterable[Expression]:
    match given:
        case None:
            return ()
        case Expression():
            return (given,)
        case fields:
            return fields.values()


def _input_value(given: Input, variables: EventVariables) -> JsonValue:
    match given:
        case None:
            data: JsonValue = variables.values["data"]
            return data
        case Expression() as whole:
            value: JsonValue = whole.json(variables)
            return value
        case fields:
            return {name: field.json(variables) for name, field in fields.items()}


def compile_rules(routes: Sequence[Route]) -> tuple[Rule, ...]:
    """Compile all routes.

    Raises:
        InvalidConfiguration: A part of one is wrong, or two routes share a name or the ids of their runs: only one of
            them would start a run. The sentence names the line of the configuration file.
    """
    rules: list[Rule] = []
    for number in range(len(routes)):
        compiled = compile_rule(routes, number)
        if isinstance(compiled, Problem):
            raise InvalidConfiguration(compiled)
        problems = chain(shared_run_ids(routes, number), clashing_attributes(routes, number))
        if problem := next((it for it in problems if not it.is_warning), None):
            raise InvalidConfiguration(problem)
        rules.append(compiled)
    return tuple(rules)


def compile_rule(routes: Sequence[Route], number: int) -> Rule | Problem:
    """Compile one of the routes, or return what is wrong with it."""
    route, where = routes[number], source_position("routes", number)
    if any(earlier.label == route.label for earlier in routes[:number]):
        what = f"two routes are called {route.label}: give each its own `name`. Workflow ids contain it."
        return Problem(where=where, what=what)
    try:
        return Rule(route)
    except SetupError as error:
        return Problem(where=where, what=f"route {route.label}: {error}")
