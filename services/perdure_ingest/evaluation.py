"""The result of evaluating one route for one event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from perdure.contracts import Reason, SearchAttribute

__all__ = ["Evaluation", "Refusal", "Stage"]

Stage = Literal["condition", "schema", "values"]
"""The steps of an evaluation, in order: `when`, then `schema`, then everything that the route computes."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a route cannot take an event that it is for.

    Attributes:
        stage: At which step.
        reason: The reason of the dead letter.
        detail: A sentence that names the field or expression.
    """

    stage: Stage
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that one route makes of one event; all fields are plain JSON values, or times.

    Attributes:
        route: The route's name.
        matched: Whether the event is for the route.
        named: Whether the route's `on` names the event's type.
        reason: Why it is not: the `on` that did not match, or the false part of `when` with the values it read.
        refusal: Why the route cannot take the event. The fields below then hold nothing.
        workflow_id: The run to start or to signal.
        key: The value of ``flow.key``.
        order: The value of ``order``; None if the route has none.
        priority: 1 is the most urgent, 5 the least; None leaves it to Temporal.
        fairness_key: At most 64 bytes.
        not_before: When the run may begin (UTC).
        input: The workflow's or signal's input.
        start_input: The input of a run that is started for a signal.
        attributes: The search attributes of a run that is started.
    """

    route: str
    matched: bool
    named: bool = True
    reason: str = ""
    refusal: Refusal | None = None
    workflow_id: str = ""
    key: str = ""
    order: str | None = None
    priority: int | None = None
    fairness_key: str | None = None
    not_before: datetime | None = None
    input: JsonValue = None
    start_input: JsonValue = None
    attributes: Mapping[str, SearchAttribute] = field(default_factory=dict)
