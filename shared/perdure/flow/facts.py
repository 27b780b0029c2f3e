"""The facts that a run publishes, and the data that it passes to its steps and to the run that continues it."""

from typing import Annotated, Any, Final, Self

from pydantic import AwareDatetime, Field, NonNegativeInt

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
from perdure.flow.mailboxes import KeptSignal
from perdure.flow.payload import Payload
from perdure.flow.server_session import ServerSession
from perdure.voting.ballot import ReceivedDecision

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
    "RunEnd",
    "StepHeader",
]

# The names under which histories hold these activities: they never change.
PUBLISH_FACTS: Final = "say"
DRAIN_DECISIONS: Final = "hear_all"

STEP_HEADER: Final = "perdure-step"
"""The Temporal header of a step; its value is a ``StepHeader``."""

CARRIED_STATE_MEMO: Final = "perdure_carried"
"""The memo field that holds a ``CarriedState``."""


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
"""Everything that a run publishes."""


class EndedStep(Payload):
    """A step whose end its worker should have published.

    Attributes:
        sequence: The number of its ``step_started``; the next one is of its end.
        error: The reason of a failure.
        usage: Of a model request or tool call.
    """

    name: str
    sequence: int
    error: str | None = None
    usage: RunUsage | None = None


class ExpectedFacts(Payload):
    """The facts that workers should have published before the ending of a run."""

    beginning: Progress
    steps: tuple[EndedStep, ...]


class RunEnd(Payload):
    """The last facts of a run. They are published once Temporal has closed the run, and are in its history before.

    Attributes:
        facts: The ends of steps that no worker can publish, and then the ending.
        may_begin_again: Whether Temporal may begin the run anew, as a retry or by cron: then this is no ending.
        lost_then: What the new run does not know, as the end of a sentence.
        wraps_result: Whether the run returned a ``WorkflowResult``, of which the ending shows the value.
    """

    facts: tuple[Progress, ...]
    may_begin_again: bool = False
    lost_then: str = ""
    wraps_result: bool = False

    @property
    def ending(self) -> Progress:
        """The ending."""
        return self.facts[-1]

    def with_ending(self, **update: Any) -> Self:
        """Return a copy whose ending differs."""
        return self.model_copy(update={"facts": (*self.facts[:-1], self.ending.model_copy(update=update))})


class FactBatch(Payload):
    """Facts to publish, in this order.

    Attributes:
        expected: Set at the end of a run: those of these facts that the bus lacks are published first.
        end: Set at the end of a run: what is published later. The history keeps it, without the result.
    """

    facts: tuple[Annotated[Fact, Field(discriminator="type")], ...]
    expected: ExpectedFacts | None = Field(default=None, alias="story")
    end: RunEnd | None = None


class StepHeader(Payload):
    """What a step needs in order to publish its facts.

    Attributes:
        name: Shown to people.
        sequence: The number of ``step_started``; the next one is of ``step_completed`` or ``step_failed``.
        beginning: The run's ``started`` fact. The first step publishes it, which saves a Temporal task.
        heartbeats: Whether its worker heartbeats for it, because its run waits for its cancellation.
    """

    name: str
    sequence: int
    event_id: str | None = None
    key: str | None = None
    beginning: Progress | None = None
    heartbeats: bool = False


class CarriedState(Payload):
    """The state that a continued run starts with.

    Attributes:
        began_at: When the first run of the chain began (UTC).
        usage: What the chain has used so far; limits count it.
        model_requests: How many requests to models were made.
        approvals_requested: How many approvals were requested; the ids of requests go on counting.
        early_decisions: Decisions on requests that are not open yet. A run believes only their places.
        judged_places: The sequences in DECISIONS of what was judged last: it has its receipts.
        kept_signals: Signals that no handler and no wait has taken yet.
        dropped_signals: The names of those that are too many to be kept.
        server_sessions: The sessions with servers that keep state, by server.
    """

    began_at: AwareDatetime | None = None
    usage: RunUsage = RunUsage()
    model_requests: NonNegativeInt = Field(default=0, alias="requests")
    approvals_requested: NonNegativeInt = Field(default=0, alias="asked")
    early_decisions: tuple[ReceivedDecision, ...] = Field(default=(), alias="early")
    judged_places: tuple[int, ...] = ()
    kept_signals: tuple[KeptSignal, ...] = ()
    dropped_signals: tuple[str, ...] = ()
    server_sessions: dict[str, ServerSession] = Field(default_factory=dict)
