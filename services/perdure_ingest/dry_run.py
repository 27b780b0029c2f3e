"""What would become of an event, without anything happening: ``python -m perdure_ingest.dry_run`` answers in JSON.

An event comes on standard input as ``{"type": ..., "data": ..., "id": ..., "headers": {...}}``; each route's outcome
goes to standard output, one a line. A configuration that is wrong is told on standard error, exit 1.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.bus.topology import matches
from perdure.config.loader import load_settings
from perdure.contracts import Event, Reason
from perdure.errors import InvalidMessage, SetupError
from perdure_ingest.admission import Arrival, admit
from perdure_ingest.expressions import facts_of
from perdure_ingest.rules import Rule, compile_rules

__all__ = ["RouteOutcome", "TrialEvent", "try_event"]


class TrialEvent(BaseModel):
    """The event to be tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    data: JsonValue = None
    id: str = "example"
    headers: dict[str, str] = {}


class RouteOutcome(BaseModel):
    """What one route would do.

    Attributes:
        takes: Whether the event is meant for the route, and fits.
        why: Why not, or what would happen.
        reason: The event would become a dead letter for this reason.
        command: What ingest would say.
    """

    model_config = ConfigDict(frozen=True)

    route: str
    takes: bool
    why: str
    reason: Reason | None = None
    command: JsonValue = None


def try_event(trial: TrialEvent, *, rules: Sequence[Rule], now: datetime) -> Iterator[RouteOutcome]:
    """Try an event on each route by itself."""
    event = Event(id=trial.id, type=trial.type, source="trial", data=trial.data)
    arrival = Arrival(1, now, trial.headers)
    for rule in rules:
        route = rule.route
        try:
            if not matches(route.on, event.type):
                yield RouteOutcome(route=rule.name, takes=False, why=f"`on: {route.on}` does not match {event.type}")
            elif not rule.matches(facts_of(event, headers=trial.headers, stored_at=now)):
                yield RouteOutcome(route=rule.name, takes=False, why=f"`when: {route.when}` is false")
            else:
                (admitted,) = admit(event, arrival, rules=[rule])
                command: JsonValue = admitted.command.model_dump(mode="json")
                yield RouteOutcome(route=rule.name, takes=True, why=_what_happens(rule, admitted.key), command=command)
        except InvalidMessage as refused:
            yield RouteOutcome(route=rule.name, takes=False, why=refused.detail, reason=refused.reason)


def _what_happens(rule: Rule, key: str) -> str:
    route = rule.route
    does = f"starts {route.workflow}" if route.workflow else f"signals {route.signal}"
    if route.signal_with_start:
        does = f"signals {route.signal_with_start.signal}, and starts {route.workflow} if it is not open"
    if route.flow is None and route.window is None:
        return does
    return f"{does}, after its flow control{f' (key {key})' if key else ''}"


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
