"""A run waits for a human: the question, and what became of it."""

from typing import Literal

from pydantic import AliasChoices, Field, JsonValue, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.policy import Policy, Vote

__all__ = [
    "AboutRequest",
    "ApprovalDecided",
    "ApprovalEscalated",
    "ApprovalExpired",
    "ApprovalReminded",
    "ApprovalRequested",
    "Severity",
]

Severity = Literal["low", "normal", "high", "critical"]
"""How much depends on a quick answer: by it a notifier chooses whom it tells, and in which order."""


class AboutRequest(Message):
    """What all messages about one approval request say.

    Attributes:
        request_id: ``<workflow id>.<n>``, n counts the requests of the run.
    """

    workflow: str
    workflow_id: str
    run_id: str
    request_id: str

    @property
    def address(self) -> tuple[str, ...]:
        """Heard per workflow and run."""
        return (self.workflow, self.workflow_id)


class ApprovalRequested(AboutRequest):
    """A run waits for a human; the notifier shall tell somebody.

    Attributes:
        title: The question, one line.
        details: What a reviewer needs to see to answer.
        action: What will be done on approval, if the run says so; part of the digest.
        severity: How much depends on a quick answer.
        policy: Who may answer, how many it takes, and what happens while nobody does.
        requester: On whose behalf the run asks, if that is known.
        digest: SHA-256 of exactly what will happen on approval, in hex. A decision names the digest it saw.
        opened_at: When the run asked (UTC).
        expires_at: After this instant (UTC) a decision is refused; none means that the run waits for ever.
        first_run_id: Temporal's id of the first of the runs that go on in each other's place. A later run of the same
            workflow id, whose requests have the same ids, has another one.
    """

    type: Literal["approvals.requested"] = "approvals.requested"
    title: str
    details: JsonValue = None
    action: JsonValue = None
    severity: Severity = "normal"
    policy: Policy = Policy()
    requester: str | None = None
    digest: Sha256
    opened_at: Instant
    expires_at: Instant | None = None
    first_run_id: str | None = None

    @property
    def message_id(self) -> str:
        """One question a request."""
        return f"requested.{self.run_id}.{self.request_id}"


class ApprovalReminded(AboutRequest):
    """Nobody answered yet; the question is put again.

    Attributes:
        count: Which reminder this is, from 1.
    """

    type: Literal["approvals.reminded"] = "approvals.reminded"
    count: PositiveInt

    @property
    def message_id(self) -> str:
        """Each reminder is a fact of its own."""
        return f"reminded.{self.run_id}.{self.request_id}.{self.count}"


class ApprovalEscalated(AboutRequest):
    """Nobody answered in time; others are asked.

    Attributes:
        to: The people or roles asked now.
        count: Which rung of the ladder this is, from 1.
    """

    type: Literal["approvals.escalated"] = "approvals.escalated"
    to: tuple[str, ...]
    count: PositiveInt

    @property
    def message_id(self) -> str:
        """Each rung is a fact of its own."""
        return f"escalated.{self.run_id}.{self.request_id}.{self.count}"


class ApprovalDecided(AboutRequest):
    """The question is answered.

    Attributes:
        decision_id: The decision that settled it.
        approver: Who is on the winning side, joined by commas.
        voices: The same, one by one.
        decided_at: When the run took it (UTC).
    """

    type: Literal["approvals.decided"] = "approvals.decided"
    decision: Literal["approve", "reject"]
    decision_id: str
    approver: str
    comment: str = ""
    votes: tuple[Vote, ...] = Field(default=(), validation_alias=AliasChoices("votes", "voices"))  # 0.1: voices
    decided_at: Instant

    @property
    def message_id(self) -> str:
        """A request is decided once."""
        return f"decided.{self.run_id}.{self.request_id}"


class ApprovalExpired(AboutRequest):
    """Nobody answered before the end; the run goes on without a yes.

    Attributes:
        expired_at: When the run gave up waiting (UTC).
        reason: Why, a sentence.
        silence: What it means by the request's policy.
    """

    type: Literal["approvals.expired"] = "approvals.expired"
    expired_at: Instant
    reason: str = "nobody answered in time"
    silence: Literal["reject", "approve"] = "reject"

    @property
    def message_id(self) -> str:
        """A request expires once."""
        return f"expired.{self.run_id}.{self.request_id}"
