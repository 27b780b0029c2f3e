"""Finds runs by Temporal's visibility query."""

from base64 import b64decode, b64encode
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import RawMessage
from perdure.connections.search_attributes import known_attributes
from perdure.contracts.runs import FoundRun, FoundRuns, RunSearch
from perdure.values.nearest import nearest
from perdure_orchestrator.schedules.publish_due import PUBLISH_DUE

__all__ = ["find"]

_STATUS: Final = "WORKFLOW_EXECUTION_STATUS_"
_UNKNOWN_NAME: Final = "invalid search attribute: "


async def find(client: Client, request: RawMessage) -> bytes:
    """Answer a ``RunSearch`` with ``FoundRuns``, both in JSON.

    Due times of schedules are no runs: to cancel one would lose a start.

    The raw call is made, because ``Client.list_workflows`` raises for a run that Temporal has paused.
    """
    search = RunSearch.model_validate_json(request.body)
    wanted = ListWorkflowExecutionsRequest(
        namespace=client.namespace,
        query=search.where,
        page_size=search.limit,
        next_page_token=b64decode(search.page),
    )
    try:
        found = await client.workflow_service.list_workflow_executions(wanted, retry=True)
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        return FoundRuns(problem=await _problem(client, search.where, error.message)).model_dump_json().encode()
    answer = FoundRuns(
        runs=tuple(_found(it) for it in found.executions if it.type.name != PUBLISH_DUE),
        next=b64encode(found.next_page_token).decode(),
    )
    return answer.model_dump_json().encode()


def _found(info: WorkflowExecutionInfo) -> FoundRun:
    return FoundRun(
        workflow=info.type.name,
        workflow_id=info.execution.workflow_id,
        run_id=info.execution.run_id,
        status=_status(info.status),
        started_at=_instant(info.start_time),
        closed_at=_instant(info.close_time) if info.HasField("close_time") else None,
    )


def _status(number: int) -> str:
    """Return Temporal's name of a status; of one that is newer than temporalio, its number."""
    known = WorkflowExecutionStatus.DESCRIPTOR.values_by_number.get(number)
    return str(number) if known is None else known.name.removeprefix(_STATUS)


def _instant(time: Timestamp) -> str:
    return time.ToJsonString()


async def _problem(client: Client, where: str, message: str) -> str:
    """Return what is wrong with a query, in a sentence."""
    reason = message.removeprefix("invalid query: ").rstrip(".")
    if reason.startswith(_UNKNOWN_NAME):
        name, known = reason.removeprefix(_UNKNOWN_NAME), await known_attributes(client)
        reason = f"no search attribute is called {name}{nearest(name, known)}"
    end = "" if reason.endswith("?") else "."
    return f"Temporal does not take the condition {where!r}: {reason}{end}"
