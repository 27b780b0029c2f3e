"""Says what a run waits for, from its history, its facts and the place at which its code stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle

from perdure.connections.executions import describe_execution
from perdure.contracts import ApprovalDecided, ApprovalExpired, ApprovalRequested, Message, Progress, Receipt
from perdure.testing.reviewers import ReviewedBus
from perdure.testing.task_failures import failing_task
from perdure_orchestrator.failure_converter import failure_text

__all__ = ["RunInTest", "describe_waits"]

_CLOSED_CHILD: Final = ("completed", "failed", "canceled", "timed_out", "terminated")


@dataclass(frozen=True, slots=True)
class RunInTest:
    """A run, and what is known about it.

    Attributes:
        client: The client of the test server.
        handle: The run.
        task_queue: The task queue that the test's worker serves.
        workflows: The names of the workflows that it knows.
        bus: Where the facts of all runs are published.
    """

    client: Client
    handle: WorkflowHandle[Any, Any]
    task_queue: str
    workflows: frozenset[str]
    bus: ReviewedBus

    async def history(self) -> list[HistoryEvent]:
        """Return the events of the run so far; of a continued one, those of its newest part."""
        return [event async for event in self.handle.fetch_history_events()]


async def describe_waits(run: RunInTest) -> list[str]:
    """Return a phrase for each thing that the run and its child runs wait for."""
    history = await run.history()
    pending = (await describe_execution(run.client, run.handle.id)).description.pending_activities
    of_run = [message for message in run.bus.published if getattr(message, "workflow_id", None) == run.handle.id]
    failing = failing_task(history)
    waits = [f"its workflow task, which fails each time: {failing}"] if failing else []
    waits += [*_approvals(of_run, run.bus), *_activities(pending, history, run.task_queue), *_timers(history)]
    for child in _open_children(history):
        below = replace(run, handle=run.client.get_workflow_handle(child))
        waits += [f"its child run {child}, which waits for {wait}" for wait in await describe_waits(below)]
    return waits or [*_unfinished_steps(of_run)] or [_condition(history)]


def _approvals(messages: Sequence[Message], bus: ReviewedBus) -> Iterator[str]:
    settled = {it.request_id for it in messages if isinstance(it, ApprovalDecided | ApprovalExpired)}
    for request in messages:
        if isinstance(request, ApprovalRequested) and request.request_id not in settled:
            votes = "".join(f"; {vote}" for vote in _votes(request, bus)) or _advice(request, bus)
            yield f'the approval request "{request.title}"{votes}'


def _votes(request: ApprovalRequested, bus: ReviewedBus) -> Iterator[str]:
    for receipt in bus.published:
        if isinstance(receipt, Receipt) and receipt.request_id == request.request_id:
            prefix, nonce = f"{request.request_id}.", f".{request.request_id}."
            voter = receipt.decision_id.removeprefix(prefix).rpartition(nonce)[0]
            verdict = "counts" if receipt.accepted else f"does not count: {receipt.reason}"
            yield f"the vote of {voter} {verdict}"


def _advice(request: ApprovalRequested, bus: ReviewedBus) -> str:
    unused = ", ".join(f'"{title}"' for title in bus.unused_answers)
    given = f" (no request begins with {unused})" if unused else ""
    return f': decide it by answers={{"{request.title}": "approve"}}{given}'


def _activities(
    pending: Sequence[PendingActivityInfo], history: Sequence[HistoryEvent], task_queue: str
) -> Iterator[str]:
    scheduled = [event.activity_task_scheduled_event_attributes for event in history]
    queues = {it.activity_id: it.task_queue.name for it in scheduled}
    for activity in pending:
        name, queue = activity.activity_type.name, queues.get(activity.activity_id, task_queue)
        failure = activity.last_failure
        if queue != task_queue:
            yield f"the activity {name} on the task queue {queue}, which no worker of this test serves"
        elif failure.message:
            yield f"the activity {name}, which fails each time ({activity.attempt} attempts): {failure_text(failure)}"
        elif activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED:
            yield f"the activity {name}, which still runs"
        else:
            yield f"the activity {name}, which has not begun"


def _timers(history: Sequence[HistoryEvent]) -> Iterator[str]:
    ended = {event.timer_fired_event_attributes.started_event_id for event in history}
    ended |= {event.timer_canceled_event_attributes.started_event_id for event in history}
    for event in history:
        if event.HasField("timer_started_event_attributes") and event.event_id not in ended:
            duration = event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
            yield f"a timer of {duration}, which only `run.sleep(...)` and `run.outcome()` skip"


def _open_children(history: Sequence[HistoryEvent]) -> Iterator[str]:
    ended = {
        getattr(event, f"child_workflow_execution_{how}_event_attributes").initiated_event_id
        for event in history
        for how in _CLOSED_CHILD
    } | {event.start_child_workflow_execution_failed_event_attributes.initiated_event_id for event in history}
    for event in history:
        if event.HasField("start_child_workflow_execution_initiated_event_attributes") and event.event_id not in ended:
            yield event.start_child_workflow_execution_initiated_event_attributes.workflow_id


def _unfinished_steps(messages: Sequence[Message]) -> Iterator[str]:
    """Yield the steps without a successful end: the history does not hold local activities that go on."""
    newest: dict[tuple[str, int], Progress] = {}
    for fact in messages:
        if isinstance(fact, Progress) and fact.kind in {"step_started", "step_failed", "step_completed"}:
            newest[fact.run_id, fact.sequence - (fact.kind != "step_started")] = fact
    for fact in newest.values():
        if fact.kind != "step_completed" and fact.usage is None:  # a tool's own failure is the end of its step
            yield f"the step {fact.step}, attempt {fact.attempt}" + (f": {fact.error}" if fact.error else "")


def _condition(history: Sequence[HistoryEvent]) -> str:
    fired = sum(event.HasField("timer_fired_event_attributes") for event in history)
    meanwhile = f"; {fired} timers have fired meanwhile" if fired else ""
    return f"a signal, or a condition that does not become true{meanwhile}"
