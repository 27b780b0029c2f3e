"""How an approval request ends, as the workflow's author matches on it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from temporalio.exceptions import ApplicationError

from perdure.contracts import Vote, content_digest
from perdure.flow.reviewable_json import reviewable_json

__all__ = ["ApprovalOutcome", "Approved", "Expired", "Rejected"]


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True)


class Approved(_Outcome):
    """Enough people approved, or nobody voted in time and the policy takes silence for approval.

    Attributes:
        by: The names of the approvers, separated by commas.
        comment: Their comments, one a line.
        votes: The same, one entry an approver.
        action_digest: SHA-256 of the action that was shown, in hex.
    """

    outcome: Literal["approved"] = "approved"
    by: str
    comment: str = ""
    votes: tuple[Vote, ...] = ()
    action_digest: str | None = None

    def authorises(self, action: Any) -> bool:
        """Check, right before it is done, that this very action was approved; returns True or raises.

        Raises:
            ApplicationError: The action differs from the one that was shown, or none was shown. It fails the run
                unless the workflow catches it.
        """
        if self.action_digest is None or content_digest("", action=reviewable_json(action)) != self.action_digest:
            raise ApplicationError(
                "What is about to be done is not what was approved.",
                type="NotAuthorised",
                non_retryable=True,
            )
        return True


class Rejected(_Outcome):
    """Enough people rejected, or one with a veto role did."""

    outcome: Literal["rejected"] = "rejected"
    by: str
    comment: str = ""
    votes: tuple[Vote, ...] = ()


class Expired(_Outcome):
    """Nobody decided in time, and the policy takes silence for rejection."""

    outcome: Literal["expired"] = "expired"


ApprovalOutcome = Approved | Rejected | Expired
"""The result of ``approval(...)``, made for ``match``."""
