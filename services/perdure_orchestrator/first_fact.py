"""The first fact of a run, as its description in Temporal has it: the run itself publishes it with its first step."""

from perdure.connections.executions import ExecutionInfo
from perdure.contracts import Progress
from perdure.flow.publisher import EVENT_MEMO, KEY_MEMO

__all__ = ["first_fact"]


async def first_fact(execution: ExecutionInfo) -> Progress:
    """Return the ``started`` of a run; its message id is that of the run's own."""
    return Progress(
        workflow=execution.workflow_type,
        workflow_id=execution.workflow_id,
        run_id=execution.run_id,
        sequence=1,
        kind="started",
        event_id=await execution.memo(EVENT_MEMO),
        key=await execution.memo(KEY_MEMO),
        at=execution.start_time,
    )
