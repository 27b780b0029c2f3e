"""Approval requests, and the facts that follow each: reminded, escalated, then decided or expired."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, JsonValue, PositiveInt

from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.open_words import OPEN
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
"""How urgent a request or alert is: the notifier chooses channels and their order by it."""


class AboutRequest(Message):
    """Base of the messages about one approval request.

    Attributes:
        workflow: Name of the workflow type.
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id.
        request_id: ``<workflow id>.<n>``; n counts the requests of the run, from 1.
    """

    workflow: str
    workflow_id: str
    run_id: str
    request_id: str

    @property
    def address(self) -> tuple[str, ...]:
        """``<workflow>.<workflow id>``."""
        return (self.workflow, self.workflow_id)


class ApprovalRequested(AboutRequest):
    """A run waits for people to approve or reject.

    Attributes:
        title: What is to be approved, in one line.
        details: What a reviewer needs in order to decide, as any JSON.
        action: What the run will do on approval, as any JSON; part of the digest. Absent if the run does not name it.
        severity: How urgent it is.
        policy: Who may vote, how many votes it takes, and what happens without them.
        requester: The approver who requests it, known by a decision that they signed.
        on_behalf_of: Whom or what the run works for, as it says itself: text that nobody has verified.
        digest: SHA-256 of what the request shows, in hex. A decision names the digest that its approver saw, and every
            client computes it from the fields of the request before it signs. For ``digest_version`` 2: take the object
            with exactly the fields title, details, action, policy, severity, requester, on_behalf_of, workflow,
            workflow_id, run_id, request_id and expires_at, each with the value that this message has (null if it has
            none), and hash its RFC 8785 form.
        digest_version: How the digest is made. 1, or absent: SHA-256 of the JSON of title, details and (unless null)
            action, with sorted keys and no spaces; only requests of older runs have it.
        opened_at: When the run opened the request (UTC).
        expires_at: A decision stored after this instant (UTC) is refused. Absent: the run waits for ever.
        first_run_id: Temporal's id of the first run in the continue-as-new chain. A later run of the same workflow id
            has the same request ids, but another ``first_run_id``.
    """

    type: Literal["approvals.requested"] = "approvals.requested"
    title: str
    details: JsonValue = None
    action: JsonValue = None
    severity: Annotated[Severity, OPEN] = "normal"
    policy: Policy = Policy()
    requester: str | None = None
    on_behalf_of: str | None = None
    digest: Sha256
    digest_version: PositiveInt = 1
    opened_at: Instant
    expires_at: Instant | None = None
    first_run_id: str | None = None

    @property
    def occurred_at(self) -> datetime | None:
        """``opened_at``."""
        return self.opened_at

    @property
    def message_id(self) -> str:
        """One for each request."""
        return f"requested.{self.run_id}.{self.request_id}"


class ApprovalReminded(AboutRequest):
    """Nobody has decided yet: those who may vote are reminded.

    Attributes:
        count: Counts the reminders of the request, from 1.
    """

    type: Literal["approvals.reminded"] = "approvals.reminded"
    count: PositiveInt

    @property
    def message_id(self) -> str:
        """One for each reminder."""
        return f"reminded.{self.run_id}.{self.request_id}.{self.count}"


class ApprovalEscalated(AboutRequest):
    """Nobody decided in time: more people may vote.

    Attributes:
        to: Names of the people and roles that may vote from now on.
        count: Counts the escalations of the request, from 1.
    """

    type: Literal["approvals.escalated"] = "approvals.escalated"
    to: tuple[str, ...]
    count: PositiveInt

    @property
    def message_id(self) -> str:
        """One for each escalation."""
        return f"escalated.{self.run_id}.{self.request_id}.{self.count}"


class ApprovalDecided(AboutRequest):
    """A request is approved or rejected.

    Attributes:
        decision: The result.
        decision_id: Message id of the decision that settled the request.
        approver: The people on the winning side, joined by commas.
        comment: Their comments, one a line.
        votes: The votes on the winning side, oldest first.
        decided_at: When the run settled the request (UTC).
    """

    type: Literal["approvals.decided"] = "approvals.decided"
    decision: Literal["approve", "reject"]
    decision_id: str
    approver: str
    comment: str = ""
    votes: tuple[Vote, ...] = Field(default=(), validation_alias=AliasChoices("votes", "voices"))  # 0.1: voices
    decided_at: Instant

    @property
    def occurred_at(self) -> datetime | None:
        """``decided_at``."""
        return self.decided_at

    @property
    def message_id(self) -> str:
        """One for each request: it is decided once."""
        return f"decided.{self.run_id}.{self.request_id}"


class ApprovalExpired(AboutRequest):
    """A request ends without a decision: its time is up, or the run no longer needs it.

    Attributes:
        expired_at: When the run stopped waiting (UTC).
        reason: Why, for people.
        silence: What the request's policy makes of it.
    """

    type: Literal["approvals.expired"] = "approvals.expired"
    expired_at: Instant
    reason: str = "nobody answered in time"
    silence: Literal["reject", "approve"] = "reject"

    @property
    def occurred_at(self) -> datetime | None:
        """``expired_at``."""
        return self.expired_at

    @property
    def message_id(self) -> str:
        """One for each request: it expires once."""
        return f"expired.{self.run_id}.{self.request_id}"
