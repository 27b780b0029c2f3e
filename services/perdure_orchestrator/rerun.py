"""The start by which a run is repeated anew: that of before, under another id."""

import json
from hashlib import sha256
from typing import Any

from pydantic import JsonValue
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.converter import decode_typed_search_attributes

from perdure.bus import Bus
from perdure.bus.events import PREFIX
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.connections.run_context import converter_of_run
from perdure.contracts import EventReference, FormerClaim, RunOptions, StartWorkflow
from perdure.contracts.run_acts import RunActRequest
from perdure.errors import PerdureError
from perdure.flow.publisher import DIGEST_MEMO, EVENT_MEMO, KEY_MEMO
from perdure.values.run_id import BARE_SOURCE, rerun_id
from perdure_orchestrator.run_attributes import given_attributes

__all__ = ["rerun_start"]


async def rerun_start(  # noqa: PLR0913 (its ports)
    client: Client,
    bus: Bus,
    ledger: StartLedger,
    settings: TemporalSettings,
    newest: ExecutionDescription,
    *,
    request: RunActRequest,
) -> StartWorkflow:
    """Return the command that starts a run anew; the same for the same run, act and input.

    Raises:
        PerdureError: No event started the run, or the first run of its chain is not kept.
        RPCError: Temporal does not answer.
        Unavailable: The bus does not answer.
    """
    first = await describe_execution(client, request.workflow_id, newest.raw.first_run_id or newest.run_id)
    event_id, digest = await first.memo(EVENT_MEMO), await first.memo(DIGEST_MEMO)
    origin = await ledger.origin(request.workflow_id)
    if event_id is None or digest is None or origin is None:
        raise PerdureError("No route started it for an event, so no route can start it anew: start it as before.")
    handle = client.get_workflow_handle(first.workflow_id, run_id=first.run_id)
    started = await anext(handle.fetch_history_events(page_size=1))
    given = await _input(client, request.workflow_id, started)
    workflow_id = rerun_id(request.workflow_id, request.id)
    input_ = given if request.input is None else request.input[0]
    source = origin.source or BARE_SOURCE
    own = sha256(f"{digest} {request.id} {json.dumps(input_, sort_keys=True)}".encode()).hexdigest()
    return StartWorkflow(
        route=origin.route,
        event=EventReference(
            id=event_id,
            type=await _event_type(bus, origin.stream_sequence),
            source=source,
            stream_sequence=origin.stream_sequence,
            backfill=request.id,
        ),
        workflow=first.workflow_type,
        workflow_id=workflow_id,
        digest=own,
        input=input_,
        options=_options(first, started, settings),
        key=await first.memo(KEY_MEMO),
        former=FormerClaim(claim=workflow_id, event_id=event_id, digest=own),
        rerun_of=request.workflow_id,
    )


async def _input(client: Client, workflow_id: str, started: HistoryEvent) -> JsonValue:
    payloads = started.workflow_execution_started_event_attributes.input.payloads
    values: list[Any] = await converter_of_run(client, workflow_id).decode(payloads)
    if len(values) > 1:
        raise PerdureError("It has several arguments, which no route gives: start it as before.")
    value: JsonValue = values[0] if values else None
    return value


async def _event_type(bus: Bus, sequence: int) -> str:
    """Return the type of an event by its subject; ``unknown`` if EVENTS does not keep it any more."""
    message = await bus.get("EVENTS", sequence)
    return "unknown" if message is None else message.raw.subject.removeprefix(PREFIX)


def _options(first: ExecutionDescription, started: HistoryEvent, settings: TemporalSettings) -> RunOptions:
    attributes = started.workflow_execution_started_event_attributes
    timeout = attributes.workflow_run_timeout.ToTimedelta().total_seconds()
    return RunOptions(
        task_queue=None if first.task_queue == settings.task_queue else first.task_queue,
        priority=attributes.priority.priority_key or None,
        fairness_key=attributes.priority.fairness_key or None,
        timeout_seconds=timeout or None,
        attributes=given_attributes(decode_typed_search_attributes(attributes.search_attributes)),
    )
