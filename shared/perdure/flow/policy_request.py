"""Input and result of the activity that determines the policy of an approval request."""

from typing import Final

from pydantic import JsonValue

from perdure.contracts import Policy, Severity
from perdure.flow.payload import Payload

__all__ = ["RESOLVE_POLICY", "PolicyRequest", "ResolvedPolicy"]

RESOLVE_POLICY: Final = "resolve_policy"
"""The activity that joins the operator's policy with the author's. Histories hold this name: it never changes."""


class PolicyRequest(Payload):
    """What the policy of a new approval request depends on.

    Attributes:
        workflow: Name of the workflow type.
        asked: The fields of the author's policy that the author has set.
        requester: Who may not vote, unless the policy lets them.
    """

    workflow: str
    asked: dict[str, JsonValue]
    title: str
    details: JsonValue = None
    action: JsonValue = None
    severity: Severity = "normal"
    requester: str | None = None


class ResolvedPolicy(Payload):
    """The policy of an approval request.

    Attributes:
        policy: The operator's policy with what the author's adds. None if they cannot be met together.
        problem: Why they cannot.
        warnings: Why nobody can decide the request as the policy says, by the approvers file of now.
        run_id: The run that opens the request. A run that is reset takes over the requests that it had opened, and so
            their digests.
        covers_expiry: The digest covers ``expires_at``, as recorded results without this field mean. A worker that dies
            before it records the opening of a request opens it again at a later instant, and so with another digest.
    """

    policy: Policy | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    run_id: str
    covers_expiry: bool = True
