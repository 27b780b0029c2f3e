"""Publishes the endings that no code of a run could publish: terminated, timed out, or failed before it began.

It lists Temporal's closed runs again and again, and publishes the facts that the bus lacks. It keeps no state, and many
at once do no harm: message ids de-duplicate.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHistoryEventFilterType
from temporalio.service import RPCError

from perdure.bus import Bus, decode
from perdure.config.settings import TemporalSettings
from perdure.contracts import ENDINGS, Progress, ProgressKind, to_token
from perdure.errors import Unavailable
from perdure.flow.publisher import EVENT_MEMO, KEY_MEMO

__all__ = ["Reconciler", "missing_facts", "reconcile_for_ever"]

_KINDS: Final[dict[WorkflowExecutionStatus, ProgressKind]] = {
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
}
_CLOSED: Final = ", ".join(f"'{status}'" for status in ("Canceled", "Failed", "Terminated", "TimedOut"))
_FIRST_LOOK_BACK: Final = timedelta(days=7)  # as long as all bridges may have been down
_LOOK_BACK: Final = timedelta(minutes=10)  # longer than Temporal's visibility lags
_GRACE: Final = timedelta(seconds=2)  # a run publishes its own ending within this time

_log = logging.getLogger(__name__)


class Reconciler:
    """Compares the runs that have ended with the endings on the bus."""

    def __init__(self, client: Client, bus: Bus, settings: TemporalSettings) -> None:
        self._client = client
        self._bus = bus
        self._queue = settings.task_queue

    async def reconcile(self, back: timedelta) -> None:
        """Publish the missing facts of runs that ended within this time.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        now = datetime.now(UTC)
        query = (
            f"TaskQueue = '{self._queue}' AND ExecutionStatus IN ({_CLOSED}) "
            f"AND CloseTime BETWEEN '{(now - back).isoformat()}' AND '{(now - _GRACE).isoformat()}'"
        )
        async for execution in self._client.list_workflows(query):
            if _ended(await self._facts(execution, last_only=True), execution.run_id):
                continue
            facts = await self._facts(execution)
            if not _ended(facts, execution.run_id) and await self._is_the_newest(execution):
                for fact in missing_facts(facts, await self._ending(execution)):
                    await self._bus.publish(fact)

    async def _facts(self, execution: WorkflowExecution, *, last_only: bool = False) -> list[Progress]:
        subject = f"progress.{to_token(execution.workflow_type)}.{to_token(execution.id)}"
        facts = [decode(message.raw) async for message in self._bus.read(subject, last_only=last_only)]
        return [fact for fact in facts if isinstance(fact, Progress)]

    async def _is_the_newest(self, execution: WorkflowExecution) -> bool:
        """Return whether no later run has this id, as after a reset: that one would publish the ending."""
        newest = await self._client.get_workflow_handle(execution.id).describe()
        return newest.run_id == execution.run_id

    async def _ending(self, execution: WorkflowExecution) -> Progress:
        assert execution.status is not None  # noqa: S101 (the query selects by it)
        return Progress(
            workflow=execution.workflow_type,
            workflow_id=execution.id,
            run_id=execution.run_id,
            sequence=1,
            kind=_KINDS[execution.status],
            event_id=await execution.memo_value(EVENT_MEMO, None, type_hint=str),
            key=await execution.memo_value(KEY_MEMO, None, type_hint=str),
            at=execution.close_time or datetime.now(UTC),
            error=await self._reason(execution),
        )

    async def _reason(self, execution: WorkflowExecution) -> str:
        handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT):
            if event.HasField("workflow_execution_terminated_event_attributes"):
                terminated = event.workflow_execution_terminated_event_attributes
                return f"terminated by {terminated.identity}: {terminated.reason or 'no reason given'}"
            if event.HasField("workflow_execution_failed_event_attributes"):
                return event.workflow_execution_failed_event_attributes.failure.message
        return "ended from outside"


async def reconcile_for_ever(reconciler: Reconciler, every: timedelta) -> None:
    """Reconcile every so often, also after errors."""
    back = _FIRST_LOOK_BACK
    while True:
        try:
            await reconciler.reconcile(back)
            back = _LOOK_BACK
        except (RPCError, Unavailable) as error:
            _log.warning("cannot reconcile endings now, trying again: %s", error)
        except Exception:  # noqa: BLE001 (the boundary: a defect of Perdure must not end the loop, and is logged)
            _log.exception("cannot reconcile endings")
        await asyncio.sleep(every.total_seconds())


def missing_facts(facts: Sequence[Progress], ending: Progress) -> Iterator[Progress]:
    """Yield the facts that a run lacks, so that its sequence has no gap: ends of steps, and the ending."""
    published = {fact.sequence for fact in facts}
    steps = {fact.sequence: fact.step for fact in facts if fact.kind == "step_started"}
    last = max([*published, *(number + 1 for number in steps)], default=0)
    for number in sorted(set(range(1, last + 1)) - published):
        about = {"sequence": number, "at": ending.at, "error": "the run ended first"}
        if number - 1 in steps:
            yield ending.model_copy(update={**about, "kind": "step_failed", "step": steps[number - 1]})
        else:
            yield ending.model_copy(update={**about, "kind": "note"})
    yield ending.model_copy(update={"sequence": last + 1})


def _ended(facts: Sequence[Progress], run_id: str) -> bool:
    """Return whether the facts hold the ending of this very run; after a reset they may hold that of another."""
    return any(fact.kind in ENDINGS and fact.run_id == run_id for fact in facts)
