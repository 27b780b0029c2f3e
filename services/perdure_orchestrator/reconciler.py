"""Says the endings that no code of the run could say: terminated, timed out, or failed before it began.

Temporal's list of closed runs is looked through again and again; what was not said on the bus is said now. It keeps no
state, and many at once do no harm: a fact has one message id, whoever says it.
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
from perdure.flow.run import EVENT_MEMO

__all__ = ["Reconciler", "missing_facts", "reconcile_for_ever"]

_KINDS: Final[dict[WorkflowExecutionStatus, ProgressKind]] = {
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
}
_CLOSED: Final = ", ".join(f"'{status}'" for status in ("Canceled", "Failed", "Terminated", "TimedOut"))
_FIRST_LOOK: Final = timedelta(days=7)  # back: as long as all bridges may have been down
_EACH_LOOK: Final = timedelta(minutes=10)  # back: longer than Temporal's visibility ever lags
_SETTLED_AFTER: Final = timedelta(seconds=2)  # a run that says its own end is given time for it

_log = logging.getLogger(__name__)


class Reconciler:
    """Compares what has ended with what was said."""

    def __init__(self, client: Client, bus: Bus, settings: TemporalSettings) -> None:
        self._client = client
        self._bus = bus
        self._queue = settings.task_queue

    async def look(self, back: timedelta) -> None:
        """Say what is missing of runs that ended within this time.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not take it.
        """
        now = datetime.now(UTC)
        query = (
            f"TaskQueue = '{self._queue}' AND ExecutionStatus IN ({_CLOSED}) "
            f"AND CloseTime BETWEEN '{(now - back).isoformat()}' AND '{(now - _SETTLED_AFTER).isoformat()}'"
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
        facts = [decode(heard.raw) async for heard in self._bus.read(subject, last_only=last_only)]
        return [fact for fact in facts if isinstance(fact, Progress)]

    async def _is_the_newest(self, execution: WorkflowExecution) -> bool:
        """Tell whether no later run goes on under this id, as after a reset: then that one says the ending."""
        newest = await self._client.get_workflow_handle(execution.id).describe()
        return newest.run_id == execution.run_id

    async def _ending(self, execution: WorkflowExecution) -> Progress:
        assert execution.status is not None  # noqa: S101 (the query asked for it)
        return Progress(
            workflow=execution.workflow_type,
            workflow_id=execution.id,
            run_id=execution.run_id,
            sequence=1,
            kind=_KINDS[execution.status],
            event_id=await execution.memo_value(EVENT_MEMO, None, type_hint=str),
            at=execution.close_time or datetime.now(UTC),
            error=await self._why(execution),
        )

    async def _why(self, execution: WorkflowExecution) -> str:
        handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT):
            if event.HasField("workflow_execution_terminated_event_attributes"):
                terminated = event.workflow_execution_terminated_event_attributes
                return f"terminated by {terminated.identity}: {terminated.reason or 'no reason given'}"
            if event.HasField("workflow_execution_failed_event_attributes"):
                return event.workflow_execution_failed_event_attributes.failure.message
        return "ended from outside"


async def reconcile_for_ever(reconciler: Reconciler, every: timedelta) -> None:
    """Look every so often, whatever happens."""
    back = _FIRST_LOOK
    while True:
        try:
            await reconciler.look(back)
            back = _EACH_LOOK
        except (RPCError, Unavailable) as error:
            _log.warning("endings are looked for again later: %s", error)
        except Exception:  # noqa: BLE001 (the boundary: a defect of ours must not end the looking, and is told)
            _log.exception("endings could not be looked for")
        await asyncio.sleep(every.total_seconds())


def missing_facts(facts: Sequence[Progress], ending: Progress) -> Iterator[Progress]:
    """Yield what is missing of a run's story, so that its numbers have no gap: ends of steps, and the ending."""
    said = {fact.sequence for fact in facts}
    steps = {fact.sequence: fact.step for fact in facts if fact.kind == "step_started"}
    last = max([*said, *(number + 1 for number in steps)], default=0)
    for number in sorted(set(range(1, last + 1)) - said):
        about = {"sequence": number, "at": ending.at, "error": "the run ended first"}
        if number - 1 in steps:
            yield ending.model_copy(update={**about, "kind": "step_failed", "step": steps[number - 1]})
        else:
            yield ending.model_copy(update={**about, "kind": "note"})
    yield ending.model_copy(update={"sequence": last + 1})


def _ended(facts: Sequence[Progress], run_id: str) -> bool:
    """Tell whether this very run said its end: one that was reset after its end has another one's in its story."""
    return any(fact.kind in ENDINGS and fact.run_id == run_id for fact in facts)
