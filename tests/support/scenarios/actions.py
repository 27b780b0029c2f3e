"""What happens in a scenario, one thing after another."""

from dataclasses import dataclass
from typing import Literal

Choice = Literal["approve", "reject", "withdraw"]
Flaw = Literal["unsigned", "forged", "unknown_key", "revoked_key"]


@dataclass(frozen=True)
class Decide:
    """Publish a decision.

    Attributes:
        who: The approver.
        number: The request of the run, from 1; the run may open it later or never.
        nonce: Two decisions with the same approver, request and nonce are one decision, whatever they choose.
        right_digest: Whether it names the digest of the request; before the request is published, nobody can.
        valid_hours: It expires so many hours and 40 minutes after the start of the scenario; -1 is before the start.
        proxy: Whether a program signed for the approver.
        flaw: Why the signature is not the approver's.
    """

    who: str
    choice: Choice
    number: int = 1
    nonce: int = 1
    right_digest: bool = True
    valid_hours: int | None = None
    proxy: bool = False
    flaw: Flaw | None = None


@dataclass(frozen=True)
class Repeat:
    """Publish an earlier decision again, or redeliver it from the place that it already has in the stream."""

    of: int
    same_place: bool


@dataclass(frozen=True)
class PassTime:
    """Let time pass."""

    hours: int


@dataclass(frozen=True)
class KillWorker:
    """Kill the worker.

    Attributes:
        missed: The number of decisions that are delivered before the next worker starts, unless time passes first.
        bridge: The await at which the bridge dies as well, while it handles the next decision; 0 is never.
        reverse: Whether the missed decisions are handed over last first, though stored in order.
    """

    missed: int = 0
    bridge: int = 0
    reverse: bool = False


@dataclass(frozen=True)
class Forge:
    """Signal the run past the bridge with a decision that nobody signed.

    Attributes:
        where: The place that the signal claims: none, one that the stream does not hold, or that of a stored decision.
        of: Which stored decision.
    """

    who: str
    choice: Choice
    number: int = 1
    where: Literal["nowhere", "gone", "stored"] = "nowhere"
    of: int = 0


@dataclass(frozen=True)
class Revoke:
    """Edit the approvers file: the key of an approver is revoked from now on."""

    who: str


@dataclass(frozen=True)
class Leave:
    """Edit the approvers file: somebody is away from now on, unless they were away before.

    Attributes:
        to: Who votes for them.
    """

    who: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Return:
    """Edit the approvers file: somebody is no longer away from now on."""

    who: str


@dataclass(frozen=True)
class Assign:
    """Edit the approvers file: somebody has these roles, and no others."""

    who: str
    roles: tuple[str, ...]


Action = Decide | Repeat | PassTime | KillWorker | Forge | Revoke | Leave | Return | Assign
