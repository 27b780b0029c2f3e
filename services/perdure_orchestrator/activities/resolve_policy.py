"""The activity that determines the policy of an approval request when it opens."""

from datetime import UTC, datetime

from temporalio import activity

from perdure.approvers import ApproversFile, PolicyConflict, request_problems, silence_problem, tightened
from perdure.approvers.operator_policies import OperatorPolicies
from perdure.config.settings import Settings
from perdure.contracts import Policy
from perdure.errors import SetupError
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
        self._notifier = settings.notifier

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
        warnings = self._warnings(request, policy)
        return ResolvedPolicy(policy=policy, warnings=warnings, run_id=run_id, covers_expiry=False)

    def _warnings(self, request: PolicyRequest, policy: Policy) -> tuple[str, ...]:
        """Return why nobody can decide the request; nothing while there is no approvers file, or it cannot be read."""
        try:
            version = self._approvers.version()
        except SetupError:  # an outage, which ``watch_approvers`` logs: until it ends, no decision is judged
            return ()
        if version.digest is None:
            return ()
        now, known = datetime.now(UTC), version.directory
        if request.requester is not None and not policy.requester_may_answer:
            policy = policy.model_copy(update={"excluded": (*policy.excluded, request.requester)})
        unasked = silence_problem(request.workflow, policy, known, self._notifier, now)
        return (*request_problems(policy, known, now), *([unasked] if unasked else []))
