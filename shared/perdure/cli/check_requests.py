"""``perdure doctor`` on open requests: which ones were opened under a policy that is raised since?"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from perdure.approvers import Directory, PolicyConflict, tightened
from perdure.approvers.operator_policies import OperatorPolicies
from perdure.approvers.policy_condition import VARIABLES
from perdure.bus.views.approval_index import open_requests
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.config.settings import Settings
from perdure.contracts import ApprovalRequested, Policy
from perdure.errors import SetupError, Unavailable
from perdure.local.approver import known_approvers
from perdure.local.discovery import discover

__all__ = ["below_floor", "check_requests"]

_MOST: Final = 20


async def check_requests(settings: Settings) -> list[Finding]:
    """Compare the policy of each open request with the operator's policy of now."""
    if not settings.approvals.policies:
        return []
    try:
        policies, known = OperatorPolicies(settings.approvals.policies), known_approvers(settings)
    except SetupError as error:
        return [Finding("open requests", good=False, detail=str(error))]
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            requests = await open_requests(bus)
    except Unavailable:  # the finding about NATS reports it
        return []
    found = [
        Finding("open requests", good=False, detail=it) for it in islice(below_floor(requests, policies, known), _MOST)
    ]
    return found or [Finding("open requests", good=True, detail=f"{len(requests)}; none is below today's policy")]


def below_floor(requests: list[ApprovalRequested], policies: OperatorPolicies, known: Directory) -> Iterator[str]:
    """Yield a sentence for each request whose policy the operator's of now would tighten."""
    for request in requests:
        floor = policies.floor(request.workflow, {name: getattr(request, name) for name in VARIABLES})
        try:
            joined = tightened(floor, request.policy, lambda: known)
        except PolicyConflict as error:
            yield _sentence(request, str(error))
            continue
        if raised := [name for name in Policy.model_fields if getattr(joined, name) != getattr(request.policy, name)]:
            yield _sentence(request, f"{', '.join(raised)} would be stricter if it opened now.")


def _sentence(request: ApprovalRequested, why: str) -> str:
    return (
        f"{request.request_id} was opened under an older policy, and keeps it: {why} To ask anew, start its run again."
    )
