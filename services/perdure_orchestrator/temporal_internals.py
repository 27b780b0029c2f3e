"""How a run hears what arrived for it meanwhile: all of it before its code goes on, not the signals first.

Signals first loses cancellations: a signal that cancels a step which has just ended asks Temporal to cancel the step,
and the end that comes right after it lets the run go on as if nobody had cancelled. temporalio knows this and has the
other order, but off until every worker in the world understands it; histories say which of them a task was run with.
"""

from typing import Any, cast

from temporalio import workflow
from temporalio.worker import Worker
from temporalio.worker._workflow_instance import _WorkflowLogicFlag

__all__ = ["enable_single_batch_activation", "let_woken_tasks_run"]


def enable_single_batch_activation(worker: Worker) -> None:
    """Let what is new in a run be heard so; tasks that were run otherwise are replayed as they were run."""
    at_once = _WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH
    worker._set_default_workflow_logic_flag(at_once, enabled=True)  # noqa: SLF001 (no public way yet)


async def let_woken_tasks_run() -> None:
    """Let all who wait in this run for what arrived with this very task go on first; no command comes of it."""
    instance = cast("Any", workflow._Runtime.current())  # noqa: SLF001 (no public way yet)
    if instance._single_batch_activation:  # noqa: SLF001 (likewise)
        for _ in range(2):  # those who are woken, and those whom they wake
            await workflow.wait_condition(lambda: True)
