"""Publishes the endings that no worker has published: terminated, timed out, or its worker was killed.

It lists Temporal's closed runs again and again, and publishes the facts that the bus lacks. Many at once do no harm:
message ids de-duplicate.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import Bus, KeyValue, decode
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import ExecutionInfo, each_execution
from perdure.contracts import ENDINGS, Progress, to_token
from perdure.errors import Unavailable
from perdure.flow.publisher import EVENT_MEMO
from perdure_orchestrator.endings import ClosedRuns, EndedRuns
from perdure_orchestrator.endings.closed_runs import PROGRESS_KEPT

__all__ = ["LOOK_BACK_EVERY", "Reconciler"]

LOOK_BACK_EVERY: Final = timedelta(minutes=1)
"""The pause after a look back that failed; after the first one that did not, it asks only whether there was one."""

_FROM_OUTSIDE: Final = "('Canceled', 'Failed', 'Terminated', 'TimedOut')"
_COMPLETED: Final = "('Completed')"
_LONGEST_BACK: Final = timedelta(days=7)  # as long as all bridges may have been down
_BACK: Final = timedelta(minutes=10)  # longer than Temporal's visibility lags
_COMPLETED_BACK: Final = timedelta(minutes=1)  # likewise; there are many of them, and only a killed worker leaves one
_GRACE: Final = timedelta(seconds=2)  # a worker publishes an ending within this time
_CHECKED: Final = "endings-checked"  # key: every run that ended before this time has its ending
_LOOKED_BACK: Final = "completions-looked-back"  # key: so have all runs that completed before this time
_BACK_UNTIL: Final = "completions-looked-back-until"  # key: the look back has come to this time
_PART: Final = timedelta(hours=6)  # of the time that it looks at
_PAUSE: Final = 0.01  # seconds between two of those runs: nothing else waits for them

_log = logging.getLogger(__name__)


class Reconciler:
    """Compares the runs that have ended with the endings on the bus.

    Args:
        client: The client of Temporal.
        bus: Where the endings are.
        settings: The own task queue; runs of other queues count if an event started them or the bus knows them.
        entries: The bucket that all bridges share.
        ended: The runs that need no look.
    """

    def __init__(
        self, client: Client, bus: Bus, settings: TemporalSettings, *, entries: KeyValue, ended: EndedRuns
    ) -> None:
        self._client = client
        self._bus = bus
        self._queue = settings.task_queue
        self._entries = entries
        self._ended = ended
        self._closed = ClosedRuns(client, bus, ended)

    async def reconcile(self) -> None:
        """Publish the missing facts of runs that ended since the last time, also if another process did it then.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        until = datetime.now(UTC) - _GRACE
        checked = await self._time(_CHECKED)
        oldest = until - _LONGEST_BACK
        await self._look(_FROM_OUTSIDE, max(oldest, (checked or oldest) - _BACK), until)
        # Before the first such time, `look_back` looks.
        await self._look(_COMPLETED, max(oldest, (checked or until) - _COMPLETED_BACK), until)
        await self._entries.put(_CHECKED, until.isoformat().encode())

    async def look_back(self) -> None:
        """Publish the missing endings of all completed runs that Temporal lists, once for all processes.

        It looks at one part of the time after the other, so that it need not begin anew after an error.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not confirm a fact.
        """
        if await self._entries.get(_LOOKED_BACK) is not None:
            return
        until = datetime.now(UTC) - _GRACE
        since = max(until - PROGRESS_KEPT, await self._time(_BACK_UNTIL) or until - PROGRESS_KEPT)
        while since < until:
            end = min(since + _PART, until)
            await self._look(_COMPLETED, since, end, pause=_PAUSE)
            await self._entries.put(_BACK_UNTIL, end.isoformat().encode())
            since = end
        await self._entries.put(_LOOKED_BACK, until.isoformat().encode())

    async def _time(self, key: str) -> datetime | None:
        value = await self._entries.get(key)
        return None if value is None else datetime.fromisoformat(value.decode())

    async def _look(self, statuses: str, since: datetime, until: datetime, *, pause: float = 0) -> None:
        query = f"ExecutionStatus IN {statuses} AND CloseTime BETWEEN '{since.isoformat()}' AND '{until.isoformat()}'"
        async for execution in each_execution(self._client, query):
            if execution.run_id not in self._ended and await self._reconcile_one(execution):
                self._ended.add(execution.run_id)
            await asyncio.sleep(pause)

    async def _reconcile_one(self, execution: ExecutionInfo) -> bool:
        """Reconcile one run; returns whether that was done: a run that cannot be read must not hide the others."""
        try:
            await self._reconcile(execution)
        except Unavailable:
            raise
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it was deleted meanwhile
                raise
        except Exception:  # noqa: BLE001 (the boundary of one run: its defect is logged at each look)
            _log.exception("cannot reconcile the ending of %s", execution.workflow_id)
            return False
        return True

    async def _reconcile(self, execution: ExecutionInfo) -> None:
        newest = await self._newest_facts(execution)
        is_known = execution.task_queue == self._queue or EVENT_MEMO in execution.raw.memo.fields or newest
        if is_known and not any(fact.kind in ENDINGS and fact.run_id == execution.run_id for fact in newest):
            await self._closed.publish(execution.workflow_id, execution.run_id)

    async def _newest_facts(self, execution: ExecutionInfo) -> list[Progress]:
        subject = f"progress.{to_token(execution.workflow_type)}.{to_token(execution.workflow_id)}"
        facts = [decode(message.raw) async for message in self._bus.read(subject, last_only=True)]
        return [fact for fact in facts if isinstance(fact, Progress)]
