"""Exports a run's Temporal history; ``python -m perdure.history RUN`` does the same as ``perdure runs history RUN``."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus import NatsObjects, connect
from perdure.config.loader import load_settings
from perdure.config.settings import NatsSettings, TemporalSettings
from perdure.connections.executions import describe_execution
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.connections.whole_history import readable_history
from perdure.encryption import KeySource, RunBinding, key_source
from perdure.errors import PerdureError, Unavailable
from perdure.flow.payload_store import PAYLOADS, payload_storage
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error

__all__ = ["export_workflow_history"]

_WHOLE: Final = "--whole"
_ANSWERS_WITHIN: Final = 10.0  # seconds
_NEVER: Final = 2**31  # bytes of a payload from which on it would be stored


async def export_workflow_history(workflow: str | None, workflow_id: str, *, whole: bool = False) -> dict[str, Any]:
    """Fetch the history of the latest run of a workflow id, in the JSON that Temporal's UI and replayers read.

    Args:
        workflow: The expected name of its workflow; None accepts any.
        workflow_id: The id of the run, as listed by ``perdure runs list``.
        whole: Put large payloads into it, which lie in NATS; otherwise it has references to them. What is encrypted is
            decrypted in any case.

    Raises:
        PerdureError: There is no such run, or its workflow has another name.
        MissingKey: The key ring has not the key of a value.
        NotKept: A large payload is gone.
        Unavailable: Temporal or NATS cannot be reached, or failed to answer.
        WrongRun: An encrypted value was copied from another run, or was changed.
    """
    settings = load_settings()
    nats, temporal = discover(settings)
    try:
        async with _client(nats, temporal, key_source(settings.encryption), whole=whole) as client:
            found = (await describe_execution(client, workflow_id)).workflow_type
            if workflow not in {None, found}:
                raise PerdureError(f"{workflow_id} is a run of {found}, not of {workflow}.")
            recorded = await client.get_workflow_handle(workflow_id).fetch_history()
            run = RunBinding(client.namespace, workflow_id)
            history = await readable_history(recorded.events, client.data_converter, run, whole=whole)
            return WorkflowHistory(workflow_id, history.events).to_json_dict()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable(f"Temporal cannot return the history of {workflow_id}: {error}") from error
        raise PerdureError(
            f"Temporal has no history of {workflow_id}, or no longer: `perdure runs list` lists the known runs."
        ) from error
    except RuntimeError as error:  # temporalio's error when it cannot connect
        raise Unavailable(failure_text(error, temporal)) from error


@asynccontextmanager
async def _client(
    nats: NatsSettings, temporal: TemporalSettings, keys: KeySource | None, *, whole: bool
) -> AsyncIterator[Client]:
    if not whole:
        yield await open_client(temporal, keys=keys)
        return
    async with connect(nats, source="perdure/cli", within=_ANSWERS_WITHIN) as bus:
        storage = payload_storage(NatsObjects(bus.js, PAYLOADS), _NEVER)
        yield await open_client(temporal, storage=storage, keys=keys)


if __name__ == "__main__":
    try:
        *flags, run = sys.argv[1:]
        exported = asyncio.run(export_workflow_history(None, run, whole=_WHOLE in flags))
        print(json.dumps(exported, indent=2))  # noqa: T201
        exit_process(0)
    except PerdureError as error:
        print_error(f"perdure: {error}")
        exit_process(1)
