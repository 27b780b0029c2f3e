"""The activity that determines the policy of an approval request when it opens."""

from temporalio import activity

from perdure.approvers import ApproversFile, PolicyConflict, tightened
from perdure.approvers.operator_policies import OperatorPolicies
from perdure.config.settings import Settings
from perdure.contracts import Policy
from perdure.flow.policy_request import RESOLVE_POLICY, PolicyRequest, ResolvedPolicy

__all__ = ["ResolvePolicy"]


class ResolvePolicy:
    """Joins the operator's policies, with which this worker started, with those of workflows."""

    def __init__(self, settings: Settings) -> None:
        """Compile the conditions.

        Raises:
            SetupError: A condition is wrong.
        """
        self._policies = OperatorPolicies(settings.approvals.policies)
        self._approvers = ApproversFile(settings.approvers_file)

    @activity.defn(name=RESOLVE_POLICY)
    async def run(self, request: PolicyRequest) -> ResolvedPolicy:
        """Return the policy; the run's history keeps it."""
        run_id = activity.info().workflow_run_id or ""
        shown = request.model_dump(include={"action", "details", "severity", "title"})
        floor = self._policies.floor(request.workflow, shown)
        try:
            policy = tightened(floor, Policy.model_validate(request.asked), self._approvers.current)
        except PolicyConflict as error:
            return ResolvedPolicy(problem=str(error), run_id=run_id)
        return ResolvedPolicy(policy=policy, run_id=run_id, covers_expiry=False)
