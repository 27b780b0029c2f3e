"""Answers what Temporal's histories hold of the bus, page by page."""

import asyncio
from base64 import b64decode, b64encode
from typing import Final

from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import RawMessage
from perdure.connections.executions import ExecutionInfo, describe_execution
from perdure.connections.run_context import converter_of_run
from perdure.contracts.histories import Histories, HistoriesQuery, RunHistory, SignalInHistory
from perdure.flow.publisher import DIGEST_MEMO, EVENT_MEMO
from perdure_orchestrator.endings.closing import KINDS
from perdure_orchestrator.schedules.publish_due import PUBLISH_DUE

__all__ = ["HistoryPages"]

_MOST_EVENTS: Final = 20_000  # of one history: reading them takes about two seconds


class HistoryPages:
    """Reads histories for comparisons.

    Args:
        client: The client of Temporal.
        task_queue: The own one; executions of others count if an event started them.
    """

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._queue = task_queue

    async def answer(self, request: RawMessage) -> bytes:
        """Answer a ``HistoriesQuery`` with ``Histories``, both in JSON."""
        query = HistoriesQuery.model_validate_json(request.body)
        wanted = ListWorkflowExecutionsRequest(
            namespace=self._client.namespace, page_size=query.limit, next_page_token=b64decode(query.page)
        )
        page = await self._client.workflow_service.list_workflow_executions(wanted, retry=True)
        listed = [ExecutionInfo(it, converter_of_run(self._client, it.execution.workflow_id)) for it in page.executions]
        read = await asyncio.gather(*(self._read(it) for it in listed if self._is_own(it)))
        runs = tuple(it for it in read if it is not None)
        return Histories(runs=runs, next=b64encode(page.next_page_token).decode()).model_dump_json().encode()

    def _is_own(self, execution: ExecutionInfo) -> bool:
        if execution.workflow_type == PUBLISH_DUE:
            return False
        return execution.task_queue == self._queue or EVENT_MEMO in execution.raw.memo.fields

    async def _read(self, execution: ExecutionInfo) -> RunHistory | None:
        """Return what a history holds; None if Temporal has forgotten it since it was listed."""
        handle = self._client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
        first: HistoryEvent | None = None
        last: HistoryEvent | None = None
        signals: list[SignalInHistory] = []
        try:
            async for event in handle.fetch_history_events():
                first, last = first or event, event
                if (signal := _signal(event)) is not None:
                    signals.append(signal)
                if event.event_id >= _MOST_EVENTS:
                    break
            is_last = await self._is_last(execution)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None
        if first is None or last is None:
            return None
        return RunHistory(
            workflow=execution.workflow_type,
            workflow_id=execution.workflow_id,
            run_id=execution.run_id,
            started_at=execution.start_time,
            closed_at=execution.close_time,
            was_started=_was_started(first, execution.run_id),
            digest=await execution.memo(DIGEST_MEMO),
            ending=KINDS.get(execution.status) if is_last and not _goes_on(last) else None,
            signals=tuple(signals),
            is_whole=last.event_id < _MOST_EVENTS,
        )

    async def _is_last(self, execution: ExecutionInfo) -> bool:
        """Return whether no later execution goes on for this one, as after a reset."""
        if execution.is_open:
            return False
        newest = await describe_execution(self._client, execution.workflow_id)
        return newest.run_id == execution.run_id or newest.raw.first_run_id != execution.raw.first_run_id


def _signal(event: HistoryEvent) -> SignalInHistory | None:
    """Return the signal of an event, unless another workflow sent it: only Temporal itself can say that."""
    if not event.HasField("workflow_execution_signaled_event_attributes"):
        return None
    signalled = event.workflow_execution_signaled_event_attributes
    if signalled.external_workflow_execution.workflow_id:
        return None
    began = event.event_id == 2  # noqa: PLR2004 (right after the start)
    return SignalInHistory(name=signalled.signal_name, request_id=signalled.request_id, began=began)


def _was_started(first: HistoryEvent, run_id: str) -> bool:
    started = first.workflow_execution_started_event_attributes
    continues = started.continued_execution_run_id or started.original_execution_run_id not in {"", run_id}
    return not continues and not started.parent_workflow_execution.workflow_id


def _goes_on(last: HistoryEvent) -> bool:
    attributes = getattr(last, last.WhichOneof("attributes") or "", None)
    return bool(getattr(attributes, "new_execution_run_id", ""))
