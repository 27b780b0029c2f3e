"""Acts of administration: who may decide, by which policies, what became of dead letters, backfills, and versions."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from perdure.contracts.dead_letters import Reason
from perdure.contracts.instant import Instant
from perdure.contracts.message import Message, Sha256
from perdure.contracts.open_words import OPEN
from perdure.contracts.policy import Policy

__all__ = [
    "ApproverChanged",
    "ApproversFileRead",
    "BackfillRan",
    "DeadLetterSettled",
    "PoliciesRead",
    "VersionChanged",
]


class ApproversFileRead(Message):
    """A service read a version of the approvers file; each is recorded before a decision is judged by it.

    Attributes:
        digest: SHA-256 of the file's bytes, in hex; receipts name it.
        modified_at: When the file was changed (UTC), by the clock of its file system.
        content: The file's text, with public keys only; absent if it is larger than 256 KiB.
        approvers: Names of the people in it.
        proxies: Names of the programs that may sign for people.
        at: When the service read it (UTC).
    """

    type: Literal["admin.approvers_file"] = "admin.approvers_file"
    digest: Sha256
    modified_at: Instant
    content: str | None = None
    approvers: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """Nothing: there is one approvers file."""
        return ()

    @property
    def message_id(self) -> str:
        """One for each change of the file."""
        return f"{self.type}.{self.digest}.{self.modified_at.timestamp():.6f}"


class PoliciesRead(Message):
    """The orchestrator started with these policies of approval requests.

    Attributes:
        digest: SHA-256 of the policies, in hex: they are the same if it is.
        policies: The policies of the configuration, by workflow; ``*`` is for all others.
        at: When the service started (UTC).
    """

    type: Literal["admin.policies"] = "admin.policies"
    digest: Sha256
    policies: dict[str, Policy] = Field(default_factory=dict)
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """Nothing: there is one configuration."""
        return ()

    @property
    def message_id(self) -> str:
        """One for each start, of those that lie far enough apart for JetStream to tell them apart."""
        return f"{self.type}.{self.digest}"


class ApproverChanged(Message):
    """A command changed the keys or the absence of an approver or proxy, and could reach the bus.

    Attributes:
        act: What was done.
        approver: Name of the approver or proxy.
        proxy: Whether it is a program that signs for people.
        key_id: The key that was added or revoked; absent for a delegation.
        roles: The approver's roles now.
        delegates: Who votes for the approver now.
        until: Until when they do (UTC); absent: until the approver is back.
        digest: SHA-256 of the approvers file after the change, in hex.
        by: The login name of whoever ran the command. Nobody authenticates it.
        at: When (UTC).
    """

    type: Literal["admin.approver"] = "admin.approver"
    act: Literal["key_added", "key_rotated", "key_revoked", "delegated", "returned"]
    approver: str
    proxy: bool = False
    key_id: str | None = None
    roles: tuple[str, ...] = ()
    delegates: tuple[str, ...] = ()
    until: Instant | None = None
    digest: Sha256
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<approver>``."""
        return (self.approver,)

    @property
    def message_id(self) -> str:
        """One for each act that changed the file."""
        return f"{self.type}.{self.act}.{self.digest}.{self.at.timestamp():.6f}"


class DeadLetterSettled(Message):
    """A command resent or dropped a dead letter.

    Attributes:
        act: What was done.
        number: The dead letter's sequence in the stream DLQ.
        service: The service that had given up on the message.
        reason: Why it had.
        original_subject: Subject of the original message.
        stream: The stream that held the original.
        stream_sequence: Its sequence number there.
        by: The login name of whoever ran the command. Nobody authenticates it.
        at: When (UTC).
    """

    type: Literal["admin.dead_letter"] = "admin.dead_letter"
    act: Literal["resent", "dropped"]
    number: int
    service: str
    reason: Reason
    original_subject: str
    stream: str
    stream_sequence: int
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<service>``."""
        return (self.service,)

    @property
    def message_id(self) -> str:
        """One for each dead letter and act."""
        return f"{self.type}.{self.number}.{self.act}.{self.stream}.{self.stream_sequence}"


class BackfillRan(Message):
    """A command took stored events through a route; it is recorded when it begins, and when it ends by itself.

    Attributes:
        act: ``began`` before the first event; ``ended`` after the last one, or when its user interrupted it.
        backfill: Its id, which its commands and verdicts carry. Ids sort by the time of the beginning.
        route: Name of the route.
        rules: SHA-256 of the routes by which it judged; see ``EventVerdict``.
        since: Only events that were stored at this instant or later (UTC).
        until: Only events that were stored before this instant (UTC).
        rate: At most so many events were taken a second.
        counts: How many events became what; empty when it begins. The words are those of ``BackfilledEvent``.
        by: The login name of whoever ran the command. Nobody authenticates it.
        at: When (UTC).
    """

    type: Literal["admin.backfill"] = "admin.backfill"
    act: Annotated[Literal["began", "ended"], OPEN]
    backfill: str
    route: str
    rules: Sha256
    since: Instant
    until: Instant
    rate: FiniteFloat
    counts: dict[str, int] = Field(default_factory=dict)
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<route>``."""
        return (self.route,)

    @property
    def message_id(self) -> str:
        """One for each backfill and act."""
        return f"{self.type}.{self.backfill}.{self.act}"


class VersionChanged(Message):
    """Somebody changed which version of the code new runs start on, or let Temporal forget a version.

    Attributes:
        act: ``promoted``: new runs start on the version. ``rolled_back``: they do so again. ``rolled_out``: after
            either, the open runs that replay were moved to it. ``retired``: no run is open on it, and Temporal knows it
            no more.
        deployment: Name of the worker deployment.
        build: The build id of the version.
        before: The version on which new runs started before; absent for the first one, ``rolled_out`` and ``retired``.
        moved: Of ``rolled_out``: how many open runs were moved to it.
        stays: How many open runs stay on other versions until they end; after ``rolled_out``, those that do not replay.
        by: The login name of whoever ran the command, or what else changed the deployment: ``perdure/orchestrator`` is
            the first version, which promotes itself. Nobody authenticates it.
        at: When (UTC), by Temporal's clock; ``rolled_out`` and ``retired``, by that of whoever did it.
    """

    type: Literal["admin.deploy"] = "admin.deploy"
    act: Annotated[Literal["promoted", "rolled_back", "rolled_out", "retired"], OPEN]
    deployment: str
    build: str
    before: str | None = None
    moved: int = 0
    stays: int = 0
    by: str
    at: Instant

    @property
    def address(self) -> tuple[str, ...]:
        """``<deployment>``."""
        return (self.deployment,)

    @property
    def message_id(self) -> str:
        """One for each change, also if the command that made it is repeated."""
        return f"{self.type}.{self.deployment}.{self.build}.{self.at.timestamp():.6f}"
