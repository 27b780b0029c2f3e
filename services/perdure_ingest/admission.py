"""Which commands an event becomes: a pure function of the event and the rules."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from perdure.contracts import Event, EventReference, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure_ingest.rules import Rule

__all__ = ["admit", "workflow_id"]

_LONGEST_ID: Final = 200  # characters; Temporal's own limit is 1000 bytes (`limit.maxIDLength`)


def admit(event: Event, *, rules: Sequence[Rule], stream_sequence: int) -> list[StartWorkflow | SignalWorkflow]:
    """Return one command for each rule that matches; all of them, or none.

    Raises:
        InvalidMessage: No rule matches, or one that does cannot take this event.
    """
    matching = [rule for rule in rules if rule.matches(event)]
    if not matching:
        known = ", ".join(sorted({rule.route.on for rule in rules})) or "none"
        raise InvalidMessage("no_route", f"No route takes {event.type}; routes are for: {known}")
    for rule in matching:
        rule.check(event)
    reference = EventReference(**event.model_dump(exclude={"data"}), stream_sequence=stream_sequence)
    return [_command(event, rule, reference) for rule in matching]


def workflow_id(route: str, event_id: str) -> str:
    """Return ``<route>-<event id>``; of an id that is too long, its start and its SHA-256."""
    whole = f"{route}-{event_id}"
    if len(whole) <= _LONGEST_ID:
        return whole
    return f"{whole[: _LONGEST_ID - 65]}-{sha256(whole.encode()).hexdigest()}"


def _digest(event: Event) -> str:
    content = json.dumps([event.type, event.data], sort_keys=True, separators=(",", ":"))
    return sha256(content.encode()).hexdigest()


def _command(event: Event, rule: Rule, reference: EventReference) -> StartWorkflow | SignalWorkflow:
    route = rule.route
    if route.start is not None:
        return StartWorkflow(
            route=rule.name,
            event=reference,
            workflow=route.start,
            workflow_id=workflow_id(rule.name, event.id),
            digest=_digest(event),
            input=event.data,
        )
    return SignalWorkflow(
        route=rule.name,
        event=reference,
        workflow_id=rule.target(event),
        signal=route.signal or "",
        argument=event.data,
    )
