"""Whether a run continues another one as new, with no retry between the two."""

from typing import Final

from temporalio.client import Client

from perdure.connections.executions import ExecutionDescription

__all__ = ["continues"]

_LONGEST_CHAIN: Final = 100  # runs: between the look and the act of an operator there are few


async def continues(client: Client, newest: ExecutionDescription, run_id: str) -> bool:
    """Return whether an execution continues another as new; not if one of those between them was tried again.

    Args:
        client: Temporal's.
        newest: The execution.
        run_id: Temporal's run id of the other one.

    Raises:
        RPCError: Temporal does not answer, or does not keep an execution between them any more.
    """
    current = newest.run_id
    for _ in range(_LONGEST_CHAIN):
        handle = client.get_workflow_handle(newest.workflow_id, run_id=current)
        first = await anext(handle.fetch_history_events(page_size=1))
        started = first.workflow_execution_started_event_attributes
        if started.original_execution_run_id != current:  # a reset copies the beginning of the history before it
            return False
        if started.continued_execution_run_id == run_id:
            return True
        if not (current := started.continued_execution_run_id):
            return False
    return False
