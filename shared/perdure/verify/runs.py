"""Reads workflow executions from Temporal."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Final

from temporalio.client import Client

from perdure.connections.executions import each_execution
from perdure.verify.records import Execution

__all__ = ["list_executions"]

_EVENT_MEMO: Final = "perdure_event_id"  # repeated here, since the verifier shares no code with the services
_RERUN_MEMO: Final = "perdure_rerun_of"  # likewise
_RPC_TIMEOUT: Final = timedelta(seconds=10)


async def list_executions(client: Client, task_queues: Iterable[str]) -> list[Execution]:
    """Return every execution on these task queues that an event started.

    Raises:
        temporalio.service.RPCError: Temporal does not answer.
    """
    return [execution async for execution in _executions(client, task_queues)]


async def _executions(client: Client, task_queues: Iterable[str]) -> AsyncIterator[Execution]:
    queues = ", ".join(f"'{queue}'" for queue in sorted(task_queues))
    chains: set[tuple[str, str]] = set()  # of which a newer execution was listed: it goes on for the others
    async for found in each_execution(client, f"TaskQueue IN ({queues})", timeout=_RPC_TIMEOUT):
        event_id = await found.memo(_EVENT_MEMO)
        if event_id is not None:
            chain = found.workflow_id, found.raw.first_run_id
            is_extra = chain in chains or await found.memo(_RERUN_MEMO) is not None
            chains.add(chain)
            yield Execution(found.workflow_id, found.run_id, event_id, found.status, is_extra)
