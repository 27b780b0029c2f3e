"""Updates, also one that starts its run."""

from typing import Any

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from perdure.flow.publisher import EVENT_MEMO
from tests.replay.recording import Recording
from tests.replay.scenes.scene import scene


@scene(before="perdure-updates-wait-for-the-run")
async def updated_as_it_starts(recording: Recording) -> None:
    async with recording.worker():
        start = _start(recording)
        await recording.client.execute_update_with_start_workflow("open", start_workflow_operation=start)
        run = await start.workflow_handle()
        await run.execute_update("close")
        await recording.ended(run)


@scene(also_real=True)
async def updated_with_steps(recording: Recording) -> None:
    async with recording.worker():
        start = _start(recording)
        await recording.client.execute_update_with_start_workflow(
            "add", {"name": "hat"}, start_workflow_operation=start
        )
        run = await start.workflow_handle()
        await run.execute_update("add", {"item": {"name": "hat", "count": 2}, "comment": ", red"})
        await run.execute_update("close")
        await recording.ended(run)


def _start(recording: Recording) -> WithStartWorkflowOperation[Any, Any]:
    return WithStartWorkflowOperation(
        "Cart",
        id=recording.name,
        task_queue=recording.name,
        memo={EVENT_MEMO: f"event-{recording.name}"},
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
