"""Publishes the endings of a worker's runs as soon as Temporal has accepted them: this costs no Temporal task.

The run's code prepares its end in the workflow task that closes the run. Temporal may refuse that task, because a
signal or a cancellation has arrived: then the code runs again and prepares another end. So nothing is published before
the worker drops the run from its memory, which it does with a reason. An end that this process does not publish, since
it was killed, is in the run's history: the reconciler publishes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from perdure.bus import Bus, decode
from perdure.bus.settlement import backoff_seconds
from perdure.connections.temporal_internals import on_eviction
from perdure.contracts import Progress
from perdure.errors import Unavailable
from perdure.flow.facts import RunEnd
from perdure_orchestrator.endings.closed_runs import ClosedRuns
from perdure_orchestrator.endings.ended_runs import EndedRuns
from perdure_orchestrator.endings.fitting import publish_fitting
from perdure_orchestrator.endings.step_facts import unseen_facts
from perdure_orchestrator.publish_log import PublishLog
from perdure_orchestrator.stuck_runs import StuckRuns
from perdure_orchestrator.task_failure import FAILED_TASK, read_failure

__all__ = ["BEGIN_RUN", "PREPARE_END", "WorkerEndings"]

BEGIN_RUN: Final = "perdure_begin_run"
"""The function by which a run in the sandbox names itself: ``(run id, workflow id)``."""

PREPARE_END: Final = "perdure_prepare_end"
"""The function by which a run hands over its ``RunEnd``."""

_MAX_RUNS: Final = 10_000  # more are remembered only while they are in the worker's memory

_ACCEPTED: Final = "WORKFLOW_EXECUTION_ENDING"
_WAITS: Final = (0.02, 0.1, 0.5, 2.0)  # seconds; after them the reconciler finds the run
_REFUSED: Final = {"UNHANDLED_COMMAND", *FAILED_TASK}

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


class WorkerEndings:
    """The ends that the runs of this process have prepared.

    Attributes:
        ended: The runs whose ending is stored, or being published.
    """

    def __init__(self, bus: Bus, log: PublishLog, publishing: set[asyncio.Future[None]]) -> None:
        self.ended = EndedRuns()
        self._bus = bus
        self._log = log
        self._publishing = publishing
        self._stuck = StuckRuns(bus)
        self._workflow_ids: dict[str, str] = {}
        self._ends: dict[str, RunEnd] = {}

    @property
    def functions(self) -> dict[str, Callable[..., None]]:
        """What the code of runs calls, from the threads of the worker."""
        return {BEGIN_RUN: self._workflow_ids.__setitem__, PREPARE_END: self._prepare}

    def watch(self, worker: Worker) -> None:
        """Publish the endings of this worker's runs from now on; call it in the worker's event loop."""
        on_eviction(worker, partial(self._evicted, worker.client))

    def _prepare(self, end: RunEnd) -> None:
        self._ends[end.ending.run_id] = end

    def give_up(self) -> None:
        """Report no failing run any more."""
        self._stuck.give_up()

    def _evicted(self, client: Client, run_id: str, reason: str, text: str) -> None:
        # A run that comes back at once may have begun again by now: then this takes its end, which is looked up.
        workflow_id, end = self._workflow_ids.get(run_id), self._ends.pop(run_id, None)
        if reason == _ACCEPTED or len(self._workflow_ids) > _MAX_RUNS:
            self._workflow_ids.pop(run_id, None)
        if reason in FAILED_TASK:
            self._stuck.task_failed(client, run_id, workflow_id, read_failure(reason, text))
        else:
            self._stuck.left_without_failure(run_id)
        if workflow_id is None or reason in _REFUSED or (end is None and reason != _ACCEPTED):
            return
        if end is not None and reason == _ACCEPTED and not end.may_begin_again:
            self._start(self._publish(end))
        else:  # such as a run whose input cannot be read, or a task whose answer was lost
            self._start(self._publish_closed(ClosedRuns(client, self._bus, self.ended), workflow_id, run_id))

    def _start(self, publishing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(publishing)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish_closed(self, closed: ClosedRuns, workflow_id: str, run_id: str) -> None:
        """Publish the ending of a run that Temporal may be closing at this moment."""
        for wait in _WAITS:
            if await _repeat(partial(closed.publish, workflow_id, run_id)):
                return
            await asyncio.sleep(wait)

    async def _publish(self, end: RunEnd) -> None:
        run_id = end.ending.run_id
        self.ended.add(run_id)  # if it takes long, the reconciler shall not number its facts anew
        # A task that Temporal refused may have published facts that its repetition did not make.
        number = max(end.ending.sequence, self._log.last(run_id) + 1)
        facts = await _repeat(partial(self._unpublished, end.with_ending(sequence=number)))
        stored = [await _repeat(partial(self._put, fact, datetime.now(UTC))) for fact in facts or ()]
        self._log.forget(run_id)
        if not (stored and all(stored)):
            self.ended.discard(run_id)

    async def _put(self, fact: Progress, since: datetime) -> bool:
        await publish_fitting(self._bus, fact, tried_since=since)
        return True

    async def _unpublished(self, end: RunEnd) -> Sequence[Progress]:
        """Return the facts of an end, those of steps only if their workers have not published them."""
        *steps, ending = end.facts
        if not steps:
            return end.facts
        stored = [decode(message.raw) async for message in self._bus.read(ending.subject)]
        of_run = [fact for fact in stored if isinstance(fact, Progress) and fact.run_id == ending.run_id]
        return [*unseen_facts(steps, of_run), ending]


async def _repeat(publish: Callable[[], Awaitable[Result]]) -> Result | None:
    """Publish, however long the bus or Temporal is away; returns None if that cannot be done."""
    tries = 0
    while True:
        try:
            return await publish()
        except (Unavailable, RPCError) as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return None  # the run was deleted
            tries += 1
            _log.debug("cannot publish an ending now, trying again: %s", error)
            await asyncio.sleep(backoff_seconds(tries))
        except Exception:  # noqa: BLE001 (a boundary: the reconciler tries it too, and the worker goes on)
            _log.exception("cannot publish an ending")
            return None
