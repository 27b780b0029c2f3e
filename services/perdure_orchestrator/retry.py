"""Lets a run that has failed begin again at the failed step, with the idempotency keys of before."""

from collections.abc import Sequence

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResetReapplyExcludeType, ResetReapplyType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from perdure.bus import Bus, decode
from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.contracts import Progress, to_token
from perdure.contracts.run_acts import RunActRequest
from perdure.errors import PerdureError
from perdure.flow.publisher import EVENT_MEMO, KEY_MEMO
from perdure.values.utc import utc_now
from perdure_orchestrator.act_marks import act_mark
from perdure_orchestrator.reset_point import ResetPoint, find_reset_point

__all__ = ["history_of", "retry", "was_retried"]


async def history_of(client: Client, execution: ExecutionDescription) -> list[HistoryEvent]:
    """Return the whole history of an execution.

    Raises:
        RPCError: Temporal does not answer.
    """
    handle = client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
    return [event async for event in handle.fetch_history_events()]


async def retry(
    client: Client, bus: Bus, request: RunActRequest, execution: ExecutionDescription, events: Sequence[HistoryEvent]
) -> tuple[str, str | None]:
    """Reset a closed run, whose history is given; returns the new run id, and the step at which it begins again.

    What was done before that step is not done again. Signals that came after the step come again; a cancellation does
    not. Temporal 1.32 resets once more if it is asked again, so ``was_retried`` is asked first, and one retry a time.

    Raises:
        PerdureError: The run has never begun, or steps completed after the one that failed.
        RPCError: Temporal does not answer.
        Unavailable: The bus does not take the note about it.
    """
    point = _point(request, events)
    answer = await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=execution.workflow_id, run_id=execution.run_id),
            reason=_reason(request),
            workflow_task_finish_event_id=point.event_id,
            request_id=request.id,
            identity=act_mark(request),
            reset_reapply_type=ResetReapplyType.RESET_REAPPLY_TYPE_ALL_ELIGIBLE,
            reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_CANCEL_REQUEST],
        ),
        retry=True,
    )
    await _publish_note(bus, request, execution, answer.run_id)
    return answer.run_id, point.step


async def was_retried(
    client: Client, bus: Bus, request: RunActRequest, newest: ExecutionDescription, events: Sequence[HistoryEvent]
) -> bool:
    """Return whether the newest run of a workflow id, whose history is given, is what the same request made.

    The answer to it was lost then.

    Raises:
        RPCError: Temporal does not answer.
        Unavailable: The bus does not take the note about it.
    """
    for event in events:
        reset = event.workflow_task_failed_event_attributes
        if reset.base_run_id and reset.failure.message.startswith(act_mark(request)):
            before = await describe_execution(client, newest.workflow_id, reset.base_run_id)
            await _publish_note(bus, request, before, newest.run_id)
            return True
    return False


def _reason(request: RunActRequest) -> str:
    """Return what Temporal keeps of the reset; it begins with the mark of the request."""
    return f"{act_mark(request)}: {request.reason}"


async def _publish_note(bus: Bus, request: RunActRequest, before: ExecutionDescription, run_id: str) -> None:
    if (note := await _note(bus, request, before, run_id)) is not None:
        await bus.publish(note)


def _point(request: RunActRequest, events: Sequence[HistoryEvent]) -> ResetPoint:
    point = find_reset_point(events)
    if point is None:
        raise PerdureError("Its code has never run: start it anew with `perdure runs rerun`.")
    if point.unknown and not request.force:
        raise PerdureError(
            "Nobody knows whether its tool call took effect: no answer came in time. Look where it would have taken "
            "effect. To call it again with the same idempotency key, add --force; if it took effect and the tool does "
            "not know keys, start what is left of the work by another event."
        )
    if point.later and not request.force:
        step = point.step or "the failure"
        raise PerdureError(
            f"After {step} it completed {', '.join(point.later)}, which may have undone what the steps before it did: "
            "start it anew with `perdure runs rerun`, or, if that is not so, add --force."
        )
    return point


async def _note(bus: Bus, request: RunActRequest, execution: ExecutionDescription, run_id: str) -> Progress | None:
    """Return the fact by which readers see that the ending before it is not the last; None if PROGRESS has no fact.

    It has the number of the step that begins again, which the run gives once more.
    """
    subject = f"progress.{to_token(execution.workflow_type)}.{to_token(execution.workflow_id)}"
    stored = [decode(message.raw) async for message in bus.read(subject)]
    facts = [it for it in stored if isinstance(it, Progress) and it.run_id == execution.run_id]
    if not facts:
        return None
    failed = [fact.sequence - 1 for fact in facts if fact.kind == "step_failed" and fact.sequence > 1]
    because = f": {request.reason}" if request.reason else ""
    return Progress(
        workflow=execution.workflow_type,
        workflow_id=execution.workflow_id,
        run_id=run_id,
        sequence=max(failed) if failed else max(fact.sequence for fact in facts),
        kind="note",
        event_id=await execution.memo(EVENT_MEMO),
        key=await execution.memo(KEY_MEMO),
        at=utc_now(),
        result=f"tried again by {request.by}{because}",
    )
