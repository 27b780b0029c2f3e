"""Sends an update or a query to a run, and returns what came of it."""

import asyncio
from typing import Any, Final

from pydantic_core import to_jsonable_python
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import (
    Client,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import NatsObjects, connect
from perdure.config.loader import load_settings
from perdure.connections.executions import query_execution
from perdure.connections.temporal import open_client
from perdure.connections.temporal_internals import METADATA_QUERY
from perdure.connections.temporal_refusals import failure_text
from perdure.encryption import key_source
from perdure.errors import SetupError, Unavailable
from perdure.flow.payload_store import PAYLOADS, payload_storage
from perdure.local.discovery import discover
from perdure.values.nearest import nearest
from perdure.values.run_request import RunAnswer, RunRequest

__all__ = ["answer", "ask"]

_NEVER: Final = 2**31  # bytes of an argument above which it would be stored
_LOOKS_WITHIN: Final = 10.0  # seconds; a run whose handlers cannot be listed has no worker


async def answer(request: RunRequest) -> RunAnswer:
    """Send it, and wait for its end."""
    settings = load_settings()
    nats, temporal = discover(settings)
    try:
        async with connect(nats, source="perdure/cli", within=_LOOKS_WITHIN) as bus:
            # What a handler returns may lie in the store of large payloads; nothing is written there.
            storage = payload_storage(NatsObjects(bus.js, PAYLOADS), _NEVER)
            client = await open_client(temporal, storage=storage, keys=key_source(settings.encryption))
            return await ask(client, request)
    except Unavailable as error:
        return RunAnswer(verdict="unreachable", error=str(error))
    except RuntimeError as error:  # temporalio's error when it cannot connect
        return RunAnswer(verdict="unreachable", error=failure_text(error, temporal))
    except SetupError as error:
        return RunAnswer(verdict="refused", error=str(error))


async def ask(client: Client, request: RunRequest) -> RunAnswer:
    """Send it by an open client, and wait for its end."""
    run = request.workflow_id
    try:
        async with asyncio.timeout(_LOOKS_WITHIN):
            names = await _names(client, run, request.kind)
    except TimeoutError:
        text = f"No worker answers for {run}: `perdure runs show {run}` says what it waits for."
        return RunAnswer(verdict="unreachable", error=text)
    except WorkflowQueryRejectedError:
        return _paused(run)
    except RPCError as error:
        return _failed(run, error)
    if request.name not in names and "" not in names:
        text = f"{run} has no {request.kind} {request.name}{nearest(request.name, names)}"
        return RunAnswer(verdict="refused", error=text)
    return await _send(client, request)


async def _names(client: Client, run: str, kind: str) -> list[str]:
    """Return the names that a run handles; a dynamic handler has none."""
    found = await query_execution(client, run, METADATA_QUERY, result_type=WorkflowMetadata)
    handlers = found.definition.update_definitions if kind == "update" else found.definition.query_definitions
    return [handler.name for handler in handlers if not handler.name.startswith("__")]


async def _send(client: Client, request: RunRequest) -> RunAnswer:
    try:
        async with asyncio.timeout(request.within):
            result = await _result(client, request)
    except (WorkflowUpdateFailedError, WorkflowQueryFailedError) as error:
        return RunAnswer(verdict="refused", error=str(error.__cause__ or error))
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        text = f"{request.workflow_id} has not answered {request.name} within {request.within:g} seconds."
        if request.kind == "query":
            return RunAnswer(verdict="unreachable", error=text)
        return RunAnswer(verdict="pending", error=f"{text} It may still be handled: do not send it again.")
    except WorkflowQueryRejectedError:
        return _paused(request.workflow_id)
    except RPCError as error:
        return _failed(request.workflow_id, error)
    return RunAnswer(verdict="answered", result=to_jsonable_python(result, fallback=str))


async def _result(client: Client, request: RunRequest) -> Any:
    if request.kind == "query":
        return await query_execution(client, request.workflow_id, request.name, request.args)
    return await client.get_workflow_handle(request.workflow_id).execute_update(request.name, args=request.args)


def _paused(run: str) -> RunAnswer:
    text = f"{run} is paused, and answers nothing: ask it again when it goes on. `temporal workflow unpause` lets it."
    return RunAnswer(verdict="refused", error=text)


def _failed(run: str, error: RPCError) -> RunAnswer:
    if error.status is RPCStatusCode.NOT_FOUND:
        return RunAnswer(verdict="not_found", error=f"{run} is not open: {error.message}.")
    return RunAnswer(verdict="unreachable", error=f"Temporal cannot ask {run}: {error.message}")
