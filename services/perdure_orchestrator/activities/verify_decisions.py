"""The activity that verifies the decisions of a run."""

from temporalio import activity

from perdure.flow.decision_verdict import VERIFY_DECISIONS, DecisionVerdict, VerificationBatch
from perdure_orchestrator.decision_verifier import DecisionVerifier

__all__ = ["VerifyDecisions"]


class VerifyDecisions:
    """Verifies decisions from the stream; Temporal repeats it until the bus and the approvers file can be read."""

    def __init__(self, verifier: DecisionVerifier) -> None:
        self._verifier = verifier

    @activity.defn(name=VERIFY_DECISIONS)
    async def run(self, batch: VerificationBatch) -> list[DecisionVerdict]:
        """Return the verdicts in the order of the stream, whatever order the run names."""
        workflow_id = str(activity.info().workflow_id)
        return [await self._verifier.verdict(sequence, workflow_id) for sequence in sorted(batch.sequences)]
