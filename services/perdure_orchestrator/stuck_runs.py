"""Raises an alert for a run whose workflow tasks fail: it waits until its code is mended."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError

from perdure.bus import Bus
from perdure.contracts import Alert
from perdure.errors import PerdureError
from perdure.values.author_code import place_in_text

__all__ = ["FAILED_TASK", "StuckRuns", "task_failure"]

FAILED_TASK: Final = {"LANG_FAIL", "NONDETERMINISM"}
"""Why temporalio drops a run whose workflow task has failed."""

_PASSING: Final = 1  # failures in a row that one does not talk about: Temporal repeats the task at once
_FIRST_NUMBER: Final = 1_000_000  # of the alerts that workers raise; a run counts its own from 1

_log = logging.getLogger(__name__)


class StuckRuns:
    """Counts the failed workflow tasks of this process."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._failures = Counter[str]()
        self._alerted = set[str]()
        self._alerting: set[asyncio.Task[None]] = set()

    def task_failed(self, client: Client, run_id: str, workflow_id: str | None) -> None:
        """Raise an alert once a task has failed repeatedly.

        Args:
            client: The worker's client.
            run_id: Temporal's run id.
            workflow_id: Unknown if no workflow of this name is registered.
        """
        self._failures[run_id] += 1
        if self._failures[run_id] > _PASSING:
            task = asyncio.create_task(self._alert(client, run_id, workflow_id))
            self._alerting.add(task)
            task.add_done_callback(self._alerting.discard)

    async def _alert(self, client: Client, run_id: str, workflow_id: str | None) -> None:
        try:
            found = workflow_id or await _workflow_id(client, run_id)
            if found is None:
                return
            handle = client.get_workflow_handle(found, run_id=run_id)
            run = await handle.describe()
            failed = task_failure([event async for event in handle.fetch_history_events()])
            if run.status is WorkflowExecutionStatus.RUNNING and failed is not None:
                await self._publish_once(_alert_about(run, failed))
        except (RPCError, PerdureError) as error:
            _log.warning("cannot raise the alert about %s now; the next failure will: %s", run_id, error)

    async def _publish_once(self, alert: Alert) -> None:
        """Publish an alert once a process: whoever restarts a worker learns what still waits."""
        if alert.message_id not in self._alerted:
            await self._bus.publish(alert)
            self._alerted.add(alert.message_id)


def task_failure(history: Sequence[HistoryEvent]) -> HistoryEvent | None:
    """Return the event of the newest failed workflow task, if none has succeeded since."""
    ends = {EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED}
    newest = next((event for event in reversed(history) if event.event_type in ends), None)
    is_failure = newest is not None and newest.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    return newest if is_failure else None


def _alert_about(run: WorkflowExecutionDescription, failed: HistoryEvent) -> Alert:
    failure = failed.workflow_task_failed_event_attributes.failure
    place = place_in_text(failure.stack_trace)
    kind = failure.application_failure_info.type
    error = f"{kind}: {failure.message}" if kind else failure.message
    return Alert(
        workflow=run.workflow_type,
        workflow_id=run.id,
        run_id=run.run_id,
        number=_FIRST_NUMBER + failed.event_id,
        title=f"{run.id} waits for mended code: its workflow code fails",
        details={
            "error": f"{error} ({place})" if place else error,
            "what_to_do": "Mend the code and deploy it: the run goes on by itself. Its timeouts go on meanwhile.",
        },
        severity="high",
        raised_at=datetime.now(UTC),
    )


async def _workflow_id(client: Client, run_id: str) -> str | None:
    async for execution in client.list_workflows(f"RunId = '{run_id}'", limit=1):
        return execution.id
    return None
