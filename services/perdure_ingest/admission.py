"""Admission: the commands that an event becomes, as a pure function of the event and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from perdure.config.routes import Route
from perdure.contracts import Event, EventReference, RunOptions, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage
from perdure_ingest.evaluation import Evaluation, Refusal, Stage
from perdure_ingest.identity import event_digest
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival, EventVariables

__all__ = ["Admitted", "admit", "make_command"]

_STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command, and the evaluation that it comes from."""

    command: StartWorkflow | SignalWorkflow
    evaluation: Evaluation


def admit(event: Event, arrival: Arrival, *, rules: Sequence[Rule]) -> list[Admitted]:
    """Return one command for each rule that matches; all of them, or none.

    Raises:
        InvalidMessage: No rule matches, or one that does cannot take this event. Of several refusals, the one of the
            earliest stage counts, then the one of the first rule.
    """
    variables = EventVariables(event, arrival)
    evaluated = [(rule, rule.evaluate(variables)) for rule in rules]
    refusals = [evaluation.refusal for _, evaluation in evaluated if evaluation.refusal is not None]
    if refusals:
        first = min(refusals, key=_stage_number)
        raise InvalidMessage(first.reason, first.detail)
    admitted = [
        Admitted(make_command(rule.route, variables, evaluation), evaluation)
        for rule, evaluation in evaluated
        if evaluation.matched
    ]
    if not admitted:
        known = ", ".join(sorted({rule.route.on for rule in rules})) or "none"
        raise InvalidMessage("no_route", f"No route takes {event.type}; routes are for: {known}")
    return admitted


def make_command(route: Route, variables: EventVariables, evaluation: Evaluation) -> StartWorkflow | SignalWorkflow:
    """Return the command for a route that takes the event."""
    event = variables.event
    reference = EventReference(**event.model_dump(exclude={"data"}), stream_sequence=variables.arrival.stream_sequence)
    digest = event_digest(event.id, event.type, event.data)
    options = RunOptions(
        task_queue=route.task_queue,
        priority=evaluation.priority,
        fairness_key=evaluation.fairness_key,
        timeout_seconds=route.run_timeout.total_seconds() if route.run_timeout else None,
        not_before=evaluation.not_before,
    )
    if route.start is not None:
        return StartWorkflow(
            route=route.label,
            event=reference,
            workflow=route.start,
            workflow_id=evaluation.workflow_id,
            digest=digest,
            input=evaluation.input,
            options=options,
        )
    both = route.signal_with_start
    return SignalWorkflow(
        route=route.label,
        event=reference,
        workflow_id=evaluation.workflow_id,
        digest=digest,
        signal=both.signal if both else route.signal or "",
        argument=evaluation.input,
        workflow=both.start if both else None,
        input=evaluation.start_input,
        options=options,
    )


def _stage_number(refusal: Refusal) -> int:
    return _STAGES.index(refusal.stage)
