"""Histories of the runs that Temporal knows."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from temporalio.api.history.v1 import History
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.connections.executions import OPEN, ExecutionInfo, each_execution
from perdure_orchestrator.replay.corpus import RecordedRun

__all__ = ["temporal_runs"]

_VERSION: Final = "TemporalWorkerDeploymentVersion"  # ``<deployment>:<build>``


async def temporal_runs(client: Client, task_queue: str, since: datetime | None) -> AsyncIterator[RecordedRun]:
    """Yield runs, newest first.

    Args:
        client: Temporal's.
        task_queue: Only runs of this queue.
        since: Also runs that have ended since then (UTC); by default only open ones.

    Raises:
        RPCError: Temporal does not answer.
    """
    ended = "" if since is None else f" OR CloseTime >= '{since.isoformat()}'"
    query = f"TaskQueue = '{task_queue}' AND ({OPEN}{ended})"
    async for execution in each_execution(client, query):
        yield _recorded(client, execution)


def _recorded(client: Client, execution: ExecutionInfo) -> RecordedRun:
    run, run_id = execution.workflow_id, execution.run_id

    async def load() -> History | None:
        try:
            history = await client.get_workflow_handle(run, run_id=run_id).fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        return History(events=history.events)

    return RecordedRun(run, run_id, execution.workflow_type, _build(execution), load)


def _build(execution: ExecutionInfo) -> str | None:
    """Return the build id of the version that the run belongs to; lists have it as a search attribute only."""
    payload = execution.raw.search_attributes.indexed_fields.get(_VERSION)
    version = None if payload is None else json.loads(payload.data)
    if isinstance(version, list):
        version = version[0] if version else None
    return version.rpartition(":")[2] if version else None
