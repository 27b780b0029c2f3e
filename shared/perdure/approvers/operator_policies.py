"""The operator's policies: which one is the floor of a request, and what its conditions add."""

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Any, Final

from pydantic import ValidationError

from perdure.approvers.policy_condition import PolicyCondition
from perdure.approvers.policy_floor import says_proxies
from perdure.config.approvals import OperatorPolicy, Tightening
from perdure.contracts import Policy
from perdure.errors import SetupError

__all__ = ["OperatorPolicies", "undecided_proxies"]

_ANY_WORKFLOW: Final = "*"


class OperatorPolicies:
    """The section ``approvals.policies``, with compiled conditions."""

    def __init__(self, policies: Mapping[str, OperatorPolicy]) -> None:
        """Compile all conditions.

        Raises:
            SetupError: A condition is not CEL, or uses a variable that no request has.
        """
        self._policies = policies
        self._conditions = {
            (workflow, number): PolicyCondition(f"approvals.policies.{workflow}.tighten.{number}.when", tightening.when)
            for workflow, policy in policies.items()
            for number, tightening in enumerate(policy.tighten)
        }
        for workflow, policy in policies.items():
            for chosen in (*((one,) for one in policy.tighten), policy.tighten):
                _refuse_unmeetable(f"approvals.policies.{workflow}.tighten", reduce(_with, chosen, policy))

    def floor(self, workflow: str, request: Mapping[str, Any]) -> Policy | None:
        """Return the policy that requests of a workflow must meet at least; None if the operator has set none.

        Args:
            workflow: Name of the workflow type.
            request: The variables of conditions; see ``policy_condition.VARIABLES``.
        """
        name = workflow if workflow in self._policies else _ANY_WORKFLOW
        policy = self._policies.get(name)
        if policy is None:
            return None
        for number, tightening in enumerate(policy.tighten):
            if self._conditions[name, number].holds(request):
                policy = _with(policy, tightening)
        return Policy.model_validate(policy.model_dump(exclude={"tighten"}, exclude_unset=True))


def undecided_proxies(policies: Mapping[str, OperatorPolicy], proxies: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each policy that needs several people and does not say what proxies may sign for them.

    Args:
        policies: The section ``approvals.policies``.
        proxies: Names of the proxies that there are, or will be.
    """
    names = ", ".join(sorted(proxies))
    for workflow, policy in policies.items():
        demanding = [policy, *(_with(policy, tightening) for tightening in policy.tighten)]
        if names and not says_proxies(policy) and any(it.needs_several for it in demanding):
            yield (
                f"approvals.policies.{workflow} needs several people or has a veto, and {names} may sign for people: "
                "add the line `proxies: false` (each signs with their own key), `proxies: {distinct_people: true}` "
                "(it tells people apart, as Slack does) or `proxies: true` (all votes that it signs count as one)."
            )


def _refuse_unmeetable(label: str, policy: OperatorPolicy) -> None:
    try:
        Policy.model_validate(policy.model_dump(exclude={"tighten"}))
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise SetupError(f"{label} cannot be met: {what}") from error


def _with(policy: OperatorPolicy, tightening: Tightening) -> OperatorPolicy:
    quorums = {**policy.role_quorums}
    for role, count in tightening.role_quorums.items():
        quorums[role] = max(count, quorums.get(role, 0))
    changed: dict[str, Any] = {
        "quorum": max(policy.quorum, tightening.quorum),
        "role_quorums": quorums,
        "veto_roles": tuple(dict.fromkeys((*policy.veto_roles, *tightening.veto_roles))),
    }
    if not tightening.proxies:
        changed |= {"proxies": False, "distinct_people": False}
    return policy.model_copy(update=changed)
