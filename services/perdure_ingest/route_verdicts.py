"""What each route makes of an event, in the words of its verdict: a pure function of the admission."""

from collections.abc import Sequence
from typing import Final

from perdure.config.routes import Route
from perdure.contracts import RouteVerdict
from perdure_ingest.admission import Admission
from perdure_ingest.evaluation import Evaluation
from perdure_ingest.rules import Rule

__all__ = ["fit_detail", "route_verdicts"]

_LONGEST_DETAIL: Final = 1_000  # characters


def route_verdicts(rules: Sequence[Rule], admission: Admission) -> list[RouteVerdict]:
    """Return the verdict of each route that names the event's type, before any command is published."""
    return [
        _verdict(rule.route, evaluation, admission)
        for rule, evaluation in zip(rules, admission.evaluations, strict=True)
        if evaluation.named
    ]


def fit_detail(text: str) -> str:
    """Return the beginning of a detail; a lone surrogate becomes an escape."""
    shown = text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}…"
    return shown.encode(errors="backslashreplace").decode()


def _verdict(route: Route, evaluation: Evaluation, admission: Admission) -> RouteVerdict:
    name, refusal = evaluation.route, evaluation.refusal
    if refusal is not None:
        return RouteVerdict(route=name, verdict="refused", detail=fit_detail(refusal.detail), reason=refusal.reason)
    if not evaluation.matched:
        return RouteVerdict(route=name, verdict="no_match", detail=fit_detail(evaluation.reason))
    if admission.refusal is not None:
        detail = (
            f"{_action(route, would=True)}, but the event becomes a dead letter because of route {admission.refused_by}"
        )
        return RouteVerdict(route=name, verdict="refused", detail=fit_detail(detail), reason=admission.refusal.reason)
    detail, run = _action(route), evaluation.workflow_id
    if route.flow is not None or route.window is not None:
        detail += f", after its flow control{f' (key {evaluation.key})' if evaluation.key else ''}"
        return RouteVerdict(route=name, verdict="held", detail=fit_detail(detail), workflow_id=run)
    starts = route.start is not None
    return RouteVerdict(
        route=name, verdict="started" if starts else "signalled", detail=fit_detail(detail), workflow_id=run
    )


def _action(route: Route, *, would: bool = False) -> str:
    starts, signals = ("would start", "would signal") if would else ("starts", "signals")
    if both := route.signal_with_start:
        return f"{signals} {both.signal}, and {starts} {both.start} if it is not open"
    return f"{starts} {route.start}" if route.start else f"{signals} {route.signal}"
