"""Which commands an event becomes: a pure function of the event and the rules."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from perdure.contracts import Event, EventReference, RunOptions, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure_ingest.expressions import facts_of
from perdure_ingest.rules import Rule

__all__ = ["Admitted", "Arrival", "admit", "event_digest", "workflow_id"]

_LONGEST_ID: Final = 200  # characters; Temporal's own limit is 1000 bytes (`limit.maxIDLength`)


@dataclass(frozen=True, slots=True)
class Arrival:
    """How an event came.

    Attributes:
        stream_sequence: Its place in EVENTS.
        stored_at: When NATS stored it (UTC).
        headers: As they came.
    """

    stream_sequence: int
    stored_at: datetime
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command, and what flow control goes by.

    Attributes:
        key: The value of the route's ``flow.key``.
    """

    rule: Rule
    command: StartWorkflow | SignalWorkflow
    key: str


def admit(event: Event, arrival: Arrival, *, rules: Sequence[Rule]) -> list[Admitted]:
    """Return one command for each rule that matches; all of them, or none.

    Raises:
        InvalidMessage: No rule matches, or one that does cannot take this event.
    """
    facts = facts_of(event, headers=arrival.headers, stored_at=arrival.stored_at)
    matching = [rule for rule in rules if rule.matches(facts)]
    if not matching:
        known = ", ".join(sorted({rule.route.on for rule in rules})) or "none"
        raise InvalidMessage("no_route", f"No route takes {event.type}; routes are for: {known}")
    for rule in matching:
        rule.check(event.data)
    return [Admitted(rule, _command(event, arrival, facts, rule), rule.key(facts)) for rule in matching]


def workflow_id(route: str, event_id: str) -> str:
    """Return ``<route>-<event id>``; of an id that is too long, its start and its SHA-256."""
    return _short(f"{route}-{event_id}")


def event_digest(*parts: Any) -> str:
    """Return the SHA-256 of JSON values, in hex."""
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _short(whole: str) -> str:
    if len(whole) <= _LONGEST_ID:
        return whole
    return f"{whole[: _LONGEST_ID - 65]}-{sha256(whole.encode()).hexdigest()}"


def _command(event: Event, arrival: Arrival, facts: Mapping[str, Any], rule: Rule) -> StartWorkflow | SignalWorkflow:
    route = rule.route
    reference = EventReference(**event.model_dump(exclude={"data"}), stream_sequence=arrival.stream_sequence)
    named = rule.workflow_id(facts)
    options = RunOptions(
        task_queue=route.task_queue,
        priority=rule.priority(facts),
        fairness_key=rule.fairness_key(facts),
        timeout_seconds=route.run_timeout.total_seconds() if route.run_timeout else None,
        not_before=rule.not_before(facts, arrival.stored_at),
    )
    if route.start is not None:
        return StartWorkflow(
            route=rule.name,
            event=reference,
            workflow=route.start,
            workflow_id=_short(named) if named is not None else workflow_id(rule.name, event.id),
            digest=event_digest(event.id, event.type, event.data),
            input=rule.input(facts),
            options=options,
        )
    both = route.signal_with_start
    return SignalWorkflow(
        route=rule.name,
        event=reference,
        workflow_id=_short(named or ""),
        digest=event_digest(event.id, event.type, event.data),
        signal=both.signal if both else route.signal or "",
        argument=rule.input(facts),
        workflow=both.start if both else None,
        input=rule.start_input(facts) if both else None,
        options=options,
    )
