"""What a run publishes about itself, and what it hands to its steps and to its successor."""

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt

from perdure.contracts import (
    Alert,
    ApprovalDecided,
    ApprovalEscalated,
    ApprovalExpired,
    ApprovalReminded,
    ApprovalRequested,
    Progress,
    Receipt,
    RunUsage,
)
from perdure.flow.ballot import ReceivedDecision

__all__ = [
    "CARRIED_STATE_MEMO",
    "DRAIN_DECISIONS",
    "PUBLISH_FACTS",
    "STEP_HEADER",
    "CarriedState",
    "EndedStep",
    "ExpectedFacts",
    "Fact",
    "FactBatch",
    "StepHeader",
]

PUBLISH_FACTS: Final = "say"
DRAIN_DECISIONS: Final = "hear_all"

STEP_HEADER: Final = "perdure-step"
"""The Temporal header in which a step learns its numbers; its value is a ``StepHeader``."""

CARRIED_STATE_MEMO: Final = "perdure_carried"
"""The memo field that holds a ``Carried``."""


Fact = (
    Alert
    | ApprovalDecided
    | ApprovalEscalated
    | ApprovalExpired
    | ApprovalReminded
    | ApprovalRequested
    | Progress
    | Receipt
)
"""What a run says of itself."""


class _Payload(BaseModel):
    """A value in Temporal's histories. An ``alias`` is the name under which a field was first recorded: it stays."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


class EndedStep(_Payload):
    """A step whose worker should have said how it went.

    Attributes:
        sequence: The number of its ``step_started``; the next one is of its end.
        error: Why it failed, if it did.
        usage: What it used, if it asked a model or called a tool.
    """

    name: str
    sequence: int
    error: str | None = None
    usage: RunUsage | None = None


class ExpectedFacts(_Payload):
    """What others were to say of a run that now ends."""

    beginning: Progress
    steps: tuple[EndedStep, ...]


class FactBatch(_Payload):
    """Facts that the run itself says; they go out in this order.

    Attributes:
        story: Comes with a run's ending: what the bus does not hold of it is said first.
    """

    facts: tuple[Annotated[Fact, Field(discriminator="type")], ...]
    expected: ExpectedFacts | None = Field(default=None, alias="story")


class StepHeader(_Payload):
    """What the run tells a step about itself when it schedules it.

    Attributes:
        name: What people read.
        sequence: The number of ``step_started``; the next one is of ``step_completed`` or ``step_failed``.
        beginning: The run's ``started``, for the first step to say: that costs no Temporal task of its own.
    """

    name: str
    sequence: int
    event_id: str | None = None
    beginning: Progress | None = None


class CarriedState(_Payload):
    """So much must not be forgotten.

    Attributes:
        began_at: When the first of them began (UTC).
        usage: What was used up to now: limits go on counting.
        requests: How many requests to models were made.
        asked: How many approvals were asked for: their ids go on counting.
        early: Decisions on requests that were not asked yet.
    """

    began_at: AwareDatetime | None = None
    usage: RunUsage = RunUsage()
    model_requests: NonNegativeInt = Field(default=0, alias="requests")
    approvals_requested: NonNegativeInt = Field(default=0, alias="asked")
    early_decisions: tuple[ReceivedDecision, ...] = Field(default=(), alias="early")
