"""Admission: the commands that an event becomes, as a pure function of the event and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from perdure.bus.resend import resend_number
from perdure.config.routes import Route
from perdure.contracts import (
    Event,
    EventReference,
    FormerClaim,
    RunOptions,
    SignalWorkflow,
    StartWorkflow,
    former_signal_claim,
)
from perdure.errors import InvalidMessage
from perdure.values.flow_key import fit_key
from perdure.values.run_id import former_run_id
from perdure_ingest.evaluation import Evaluation, Stage
from perdure_ingest.identity import event_digest, former_digest, former_id
from perdure_ingest.rules import Rule
from perdure_ingest.variables import Arrival, EventVariables

__all__ = ["Admission", "Admitted", "decide"]

_STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command, and the evaluation that it comes from."""

    command: StartWorkflow | SignalWorkflow
    evaluation: Evaluation


@dataclass(frozen=True, slots=True)
class Admission:
    """What all routes together make of one event: all their commands, or none.

    Attributes:
        evaluations: One for each route, in order.
        admitted: The commands; none if the event is refused.
        refusal: Why the event becomes a dead letter: no route names its type, or one that takes it cannot. Of several
            refusals, the one of the earliest stage counts, then the one of the first route.
        refused_by: The route that cannot take it.
    """

    evaluations: Sequence[Evaluation]
    admitted: Sequence[Admitted] = ()
    refusal: InvalidMessage | None = None
    refused_by: str | None = None


def decide(event: Event, arrival: Arrival, *, rules: Sequence[Rule], backfill: str | None = None) -> Admission:
    """Evaluate all rules, and decide whether the event becomes commands or a dead letter.

    Args:
        event: The event.
        arrival: How NATS received it.
        rules: The rules.
        backfill: The backfill that takes the event through them, if one does; its commands carry it.
    """
    variables = EventVariables(event, arrival)
    evaluations = [rule.evaluate(variables) for rule in rules]
    refusals = [(it.refusal, it.route) for it in evaluations if it.refusal is not None]
    if refusals:
        first, route = min(refusals, key=lambda refused: _STAGES.index(refused[0].stage))
        return Admission(evaluations, refusal=InvalidMessage(first.reason, first.detail), refused_by=route)
    admitted = [
        Admitted(_command(rule.route, variables, evaluation, backfill), evaluation)
        for rule, evaluation in zip(rules, evaluations, strict=True)
        if evaluation.matched
    ]
    if not any(it.named for it in evaluations):
        known = ", ".join(sorted({rule.route.on for rule in rules})) or "none"
        none = InvalidMessage("no_route", f"No route takes {event.type}; routes are for: {known}")
        return Admission(evaluations, refusal=none)
    return Admission(evaluations, admitted)


def _command(
    route: Route, variables: EventVariables, evaluation: Evaluation, backfill: str | None
) -> StartWorkflow | SignalWorkflow:
    event = variables.event
    reference = EventReference(
        **event.model_dump(exclude={"data"}),
        stream_sequence=variables.arrival.stream_sequence,
        resend=resend_number(variables.arrival.headers),
        backfill=backfill,
    )
    digest = event_digest(event)
    order = None if evaluation.order is None else fit_key(evaluation.order)
    options = RunOptions(
        task_queue=route.task_queue,
        priority=evaluation.priority,
        fairness_key=evaluation.fairness_key,
        timeout_seconds=route.run_timeout.total_seconds() if route.run_timeout else None,
        not_before=evaluation.not_before,
        attributes=dict(evaluation.attributes),
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
            key=fit_key(evaluation.key) if evaluation.key else None,
            order=order,
            former=_former_claim(route, variables, evaluation),
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
        order=order,
        former=_former_claim(route, variables, evaluation),
    )


def _former_claim(route: Route, variables: EventVariables, evaluation: Evaluation) -> FormerClaim:
    id_, since = former_id(variables.event, variables.arrival)
    if route.start is None:
        claim = former_signal_claim(route.label, id_)
    else:
        claim = evaluation.workflow_id if route.workflow_id else former_run_id(route.label, id_)
    return FormerClaim(claim=claim, event_id=id_, digest=former_digest(variables.event, id_), since=since)
