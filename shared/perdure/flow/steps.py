"""How a run says its facts, and what it tells its steps about themselves."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

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

__all__ = [
    "HEAR_ALL",
    "SAY",
    "STEP_HEADER",
    "Announcement",
    "EndedStep",
    "Fact",
    "RunStory",
    "StepHeader",
]

SAY: Final = "say"
HEAR_ALL: Final = "hear_all"

STEP_HEADER: Final = "perdure-step"
"""The Temporal header in which a step learns its numbers; its value is a ``StepHeader``."""


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


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class EndedStep(_Part):
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


class RunStory(_Part):
    """What others were to say of a run that now ends."""

    beginning: Progress
    steps: tuple[EndedStep, ...]


class Announcement(_Part):
    """Facts that the run itself says; they go out in this order.

    Attributes:
        story: Comes with a run's ending: what the bus does not hold of it is said first.
    """

    facts: tuple[Annotated[Fact, Field(discriminator="type")], ...]
    story: RunStory | None = None


class StepHeader(_Part):
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
