"""Shows what would become of an event, and publishes nothing: ``python -m perdure_ingest.dry_run``.

Standard input holds the event, as ``{"type": ..., "data": ..., "id": ..., "headers": {...}}``. Standard output gets
each route's outcome, one JSON object a line. A wrong configuration is reported on standard error, with exit code 1.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.config.loader import load_settings
from perdure.config.routes import Route
from perdure.contracts import Event, Reason
from perdure.errors import SetupError
from perdure_ingest.admission import make_command
from perdure_ingest.rules import Rule, compile_rules
from perdure_ingest.variables import Arrival, EventVariables

__all__ = ["RouteOutcome", "TrialEvent", "try_event"]


class TrialEvent(BaseModel):
    """The event to try."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    data: JsonValue = None
    id: str = "example"
    headers: dict[str, str] = {}


class RouteOutcome(BaseModel):
    """What one route would do.

    Attributes:
        takes: Whether the event is for the route, and fits.
        why: Why not, or what would happen.
        reason: The reason of the dead letter that the event would become.
        command: The command that ingest would publish.
    """

    model_config = ConfigDict(frozen=True)

    route: str
    takes: bool
    why: str
    reason: Reason | None = None
    command: JsonValue = None


def try_event(trial: TrialEvent, *, rules: Sequence[Rule], now: datetime) -> Iterator[RouteOutcome]:
    """Evaluate each route by itself for an event that NATS would store now (UTC)."""
    event = Event(id=trial.id, type=trial.type, source="trial", data=trial.data)
    variables = EventVariables(event, Arrival(1, now, trial.headers))
    for rule in rules:
        yield _outcome(rule, variables)


def _outcome(rule: Rule, variables: EventVariables) -> RouteOutcome:
    evaluation = rule.evaluate(variables)
    if evaluation.refusal is not None:
        refusal = evaluation.refusal
        return RouteOutcome(route=rule.name, takes=False, why=refusal.detail, reason=refusal.reason)
    if not evaluation.matched:
        return RouteOutcome(route=rule.name, takes=False, why=evaluation.reason)
    command: JsonValue = make_command(rule.route, variables, evaluation).model_dump(mode="json")
    return RouteOutcome(route=rule.name, takes=True, why=_action(rule.route, evaluation.key), command=command)


def _action(route: Route, key: str) -> str:
    action = f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"
    if route.signal_with_start:
        action = f"signals {route.signal_with_start.signal}, and starts {route.workflow} if it is not open"
    if route.flow is None and route.window is None:
        return action
    return f"{action}, after its flow control{f' (key {key})' if key else ''}"


def _main() -> None:
    try:
        rules = compile_rules(load_settings().routes)
    except SetupError as error:
        sys.exit(str(error))
    trial = TrialEvent.model_validate_json(sys.stdin.read())
    for outcome in try_event(trial, rules=rules, now=datetime.now(UTC)):
        print(outcome.model_dump_json())  # noqa: T201 (its output)


if __name__ == "__main__":
    _main()
