"""Finds the runs of this process whose workflow tasks fail: they wait until their code is mended.

STUCK holds each of them for everybody who asks, also after this process; a few alerts are raised for people.
"""

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import Bus, RawMessage
from perdure.bus.views.stuck_runs import read_stuck
from perdure.connections.executions import ExecutionDescription, describe_execution, each_execution
from perdure.contracts import to_token
from perdure.contracts.runs import StuckRun
from perdure.errors import PerdureError
from perdure_orchestrator.first_fact import first_fact
from perdure_orchestrator.stuck_alerts import StuckAlerts
from perdure_orchestrator.task_failure import TaskFailure

__all__ = ["StuckRuns", "failures_in_a_row"]

_PASSING: Final = 1  # failures in a row that one does not talk about: Temporal repeats the task at once
_LATELY: Final = 15.0  # seconds; a failure longer ago is none of the same task
_SETTLED: Final = 0.3  # seconds; the repetition has failed too by then, so that one look finds both
_LOOK_AGAIN: Final = 60.0  # seconds; Temporal repeats a failing task ever more rarely, up to each ten minutes
_AT_ONCE: Final = 8  # looks
_MOST_RUNS: Final = 10_000  # remembered; the next failure of a run that was forgotten is looked at anew

_log = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Failing:
    client: Client
    run_id: str
    workflow_id: str | None
    failure: TaskFailure


class StuckRuns:
    """Looks at runs whose workflow task has failed, each once a minute at most.

    Args:
        bus: Where STUCK, alerts and progress are.
        alerts: Publishes the alerts.
    """

    def __init__(self, bus: Bus, alerts: StuckAlerts | None = None) -> None:
        self._bus = bus
        self._alerts = alerts or StuckAlerts(bus)
        self._recent: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._looked_at: OrderedDict[str, tuple[TaskFailure, float]] = OrderedDict()
        self._to_look_at: OrderedDict[str, _Failing] = OrderedDict()
        self._looking: asyncio.Task[None] | None = None

    def task_failed(self, client: Client, run_id: str, workflow_id: str | None, failure: TaskFailure) -> None:
        """Take notice of a failed task.

        Args:
            client: The worker's client.
            run_id: Temporal's run id.
            workflow_id: Unknown if no workflow of this name is registered.
            failure: Why it failed.
        """
        _remember(self._recent, run_id, (self._failures_lately(run_id) + 1, monotonic()))
        known, at = self._looked_at.get(run_id, (None, 0.0))
        if known == failure and monotonic() - at < _LOOK_AGAIN:
            return
        _remember(self._to_look_at, run_id, _Failing(client, run_id, workflow_id, failure))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_at_all())

    def left_without_failure(self, run_id: str) -> None:
        """Forget the failures of a run whose task has not failed this time."""
        self._recent.pop(run_id, None)
        self._looked_at.pop(run_id, None)

    def give_up(self) -> None:
        """Look at nothing more."""
        self._alerts.give_up()
        if self._looking is not None:
            self._looking.cancel()

    async def _look_at_all(self) -> None:
        while self._to_look_at:
            await asyncio.sleep(_SETTLED)
            while self._to_look_at:
                batch = [self._to_look_at.popitem(last=False)[1] for _ in range(min(_AT_ONCE, len(self._to_look_at)))]
                await asyncio.gather(*(self._look(it) for it in batch))

    async def _look(self, failing: _Failing) -> None:
        try:
            workflow_id = failing.workflow_id or await _workflow_id(failing.client, failing.run_id)
            if workflow_id is not None:
                run = await describe_execution(failing.client, workflow_id, failing.run_id)
                await self._report(run, failing)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it was deleted meanwhile
                _log.warning("cannot look at the failing run %s now; its next failure will: %s", failing.run_id, error)
        except PerdureError as error:
            _log.warning("cannot report the failing run %s now; its next failure will: %s", failing.run_id, error)
        except Exception:  # noqa: BLE001 (a boundary: the defect of one run hides no other)
            _log.exception("cannot report the failing run %s", failing.run_id)

    async def _report(self, run: ExecutionDescription, failing: _Failing) -> None:
        # The SDK reports the first failure of a task only: Temporal counts the next one once the task has timed out.
        counted, lately = failures_in_a_row(run), self._failures_lately(run.run_id)
        if (lately if counted is None or counted == _PASSING else counted) <= _PASSING:
            return
        if run.is_open:
            await self._publish(run, failing.failure)
        _remember(self._looked_at, run.run_id, (failing.failure, monotonic()))

    def _failures_lately(self, run_id: str) -> int:
        count, at = self._recent.get(run_id, (0, 0.0))
        return count if monotonic() - at < _LATELY else 0

    async def _publish(self, run: ExecutionDescription, failure: TaskFailure) -> None:
        stuck = StuckRun(
            workflow=run.workflow_type,
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            error=failure.error,
            since=datetime.now(UTC),
        )
        known = read_stuck(await self._bus.last(stuck.subject))
        if known is not None and (known.run_id, known.error) == (stuck.run_id, stuck.error):
            return  # another process has reported it, or this one before
        if await self._bus.last(f"progress.{to_token(run.workflow_type)}.{to_token(run.workflow_id)}") is None:
            await self._bus.publish(await first_fact(run))  # its code has failed before it published anything
        await self._alerts.publish(stuck, failure.place or failure.kind)
        await self._bus.publish_raw(RawMessage(stuck.subject, stuck.model_dump_json().encode(), {}))


def failures_in_a_row(run: ExecutionDescription) -> int | None:
    """Return how many workflow tasks of a run have failed in a row; None from a server that does not count them."""
    if not run.description.HasField("pending_workflow_task"):
        return None
    return max(run.description.pending_workflow_task.attempt - 1, 0)


def _remember(known: OrderedDict[str, Value], run_id: str, value: Value) -> None:
    known[run_id] = value
    known.move_to_end(run_id)
    if len(known) > _MOST_RUNS:
        known.popitem(last=False)


async def _workflow_id(client: Client, run_id: str) -> str | None:
    async for execution in each_execution(client, f"RunId = '{run_id}'", limit=1):
        return execution.workflow_id
    return None
