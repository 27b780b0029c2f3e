"""The policy of a request as the product resolves it, for players that have no worker."""

from perdure.approvers import Approver, Directory, PolicyConflict, tightened
from perdure.approvers.operator_policies import OperatorPolicies
from perdure.config.approvals import OperatorPolicy
from perdure.contracts import Policy
from perdure.errors import SetupError
from tests.support.scenarios.floor import Floor
from tests.support.scenarios.population import ROLES
from tests.support.scenarios.request import Request

__all__ = ["can_be_met", "resolved_policy"]

_PEOPLE = Directory(approvers={name: Approver(roles=roles) for name, roles in ROLES.items()})


def resolved_policy(request: Request, floor: Floor | None) -> Policy:
    """Return the operator's policy and the author's together.

    Raises:
        PolicyConflict: Nobody can meet both.
    """
    policies = {} if floor is None else {"W": OperatorPolicy.model_validate(floor.settings(request))}
    return tightened(OperatorPolicies(policies).floor("W", {"action": request.action}), request.policy, lambda: _PEOPLE)


def can_be_met(requests: tuple[Request, ...], floor: Floor | None) -> bool:
    """Return whether the product opens these requests under a floor."""
    try:
        return all(resolved_policy(request, floor) for request in requests)
    except (PolicyConflict, SetupError, ValueError):
        return False
