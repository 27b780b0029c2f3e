"""Deletes closed runs from Temporal, with their large payloads: what an order on ADMIN names, and nothing else."""

import re
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import Bus, RawMessage
from perdure.bus.objects import ErasableObjects
from perdure.bus.views.erasures import erasure_at
from perdure.connections.executions import OPEN, ExecutionInfo, describe_execution, each_execution
from perdure.contracts.erasures import EraseRunReply, EraseRunRequest

__all__ = ["RunEraser"]

_DIGEST: Final = re.compile(rb'"sha256":\s*"([0-9a-f]{64})"')
_MOST_OPEN: Final = 500  # runs whose histories are read for payloads that they share


class RunEraser:
    """Erases runs one at a time; asked again, it goes on.

    Args:
        client: The client of Temporal.
        bus: Where the orders are.
        objects: Where the large payloads are.
    """

    def __init__(self, client: Client, bus: Bus, objects: ErasableObjects) -> None:
        self._client = client
        self._bus = bus
        self._objects = objects

    async def answer(self, request: RawMessage) -> bytes:
        """Answer an ``EraseRunRequest`` with an ``EraseRunReply``, both in JSON."""
        return (await self.erase(EraseRunRequest.model_validate_json(request.body))).model_dump_json().encode()

    async def erase(self, request: EraseRunRequest) -> EraseRunReply:
        """Delete all executions of a run, if none of them is open.

        Payloads go first: a history that is still there names what is left to delete.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not answer.
        """
        ordered = await erasure_at(self._bus, request.order)
        if ordered is None or request.workflow_id not in ordered.runs:
            return EraseRunReply(outcome="refused", detail="No order on ADMIN names this run.")
        executions = await self._executions(request.workflow_id)
        if any(it.is_open for it in executions):
            return EraseRunReply(outcome="open", detail="It is open: end it, then erase again.")
        digests = {digest for it in executions for digest in await self._digests(it)}
        shared = await self._shared(digests) if digests else set()
        for digest in digests - shared:
            await self._objects.delete(digest)
        deleted = [it for it in executions if await self._delete(it)]
        detail = f"{len(shared)} large payloads are left: open runs refer to them." if shared else ""
        return EraseRunReply(
            outcome="deleting" if executions else "deleted",
            executions=len(deleted),
            payloads=len(digests - shared),
            detail=detail,
        )

    async def _executions(self, workflow_id: str) -> list[ExecutionInfo]:
        """Return those that Temporal still has: its list lags behind what it has deleted, and behind the newest."""
        listed = [it async for it in each_execution(self._client, f"WorkflowId = {_quoted(workflow_id)}")]
        found: dict[str, ExecutionInfo] = {}
        for run_id in (None, *(it.run_id for it in listed)):
            try:
                execution = await describe_execution(self._client, workflow_id, run_id)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            else:
                found[execution.run_id] = execution
        return list(found.values())

    async def _digests(self, execution: ExecutionInfo) -> set[str]:
        """Return the digests of the large payloads to which a history refers."""
        handle = self._client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
        found: set[str] = set()
        try:
            async for event in handle.fetch_history_events():
                found |= {digest.decode() for digest in _DIGEST.findall(event.SerializeToString())}
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it was deleted meanwhile
                raise
        return found

    async def _shared(self, digests: set[str]) -> set[str]:
        """Return those to which open runs refer, too; all of them if too many runs are open to know."""
        shared, count = set[str](), 0
        async for execution in each_execution(self._client, OPEN, limit=_MOST_OPEN + 1):
            count += 1
            if count > _MOST_OPEN:
                return digests
            shared |= digests & await self._digests(execution)
        return shared

    async def _delete(self, execution: ExecutionInfo) -> bool:
        wanted = DeleteWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=execution.workflow_id, run_id=execution.run_id),
        )
        try:
            await self._client.workflow_service.delete_workflow_execution(wanted, retry=True)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
