"""Reads workflow executions from Temporal."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Final

from temporalio.client import Client

from perdure.connections.executions import each_execution
from perdure.verify.records import Execution

__all__ = ["list_executions"]

_EVENT_MEMO: Final = "perdure_event_id"  # repeated here, since the verifier shares no code with the services
_RPC_TIMEOUT: Final = timedelta(seconds=10)


async def list_executions(client: Client, task_queues: Iterable[str]) -> list[Execution]:
    """Return every execution on these task queues that an event started.

    Raises:
        temporalio.service.RPCError: Temporal does not answer.
    """
    return [execution async for execution in _executions(client, task_queues)]


async def _executions(client: Client, task_queues: Iterable[str]) -> AsyncIterator[Execution]:
    queues = ", ".join(f"'{queue}'" for queue in sorted(task_queues))
    async for found in each_execution(client, f"TaskQueue IN ({queues})", timeout=_RPC_TIMEOUT):
        event_id = await found.memo(_EVENT_MEMO)
        if event_id is not None:
            yield Execution(found.workflow_id, found.run_id, event_id, found.status)
