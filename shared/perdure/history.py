"""Exports a run's Temporal history; ``python -m perdure.history RUN`` does the same as ``perdure runs history RUN``."""

import asyncio
import json
import sys
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from perdure.config.loader import load_settings
from perdure.connections.executions import describe_execution
from perdure.connections.temporal import failure_text, open_client
from perdure.errors import PerdureError, Unavailable
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error

__all__ = ["export_workflow_history"]


async def export_workflow_history(workflow: str | None, workflow_id: str) -> dict[str, Any]:
    """Fetch the history of the latest run of a workflow id, in the JSON that Temporal's UI and replayers read.

    Args:
        workflow: The expected name of its workflow; None accepts any.
        workflow_id: The id of the run, as listed by ``perdure runs list``.

    Raises:
        PerdureError: There is no such run, or its workflow has another name.
        Unavailable: Temporal cannot be reached, or failed to answer.
    """
    _, temporal = discover(load_settings())
    try:
        client = await open_client(temporal)
        found = (await describe_execution(client, workflow_id)).workflow_type
        if workflow not in {None, found}:
            raise PerdureError(f"{workflow_id} is a run of {found}, not of {workflow}.")
        return (await client.get_workflow_handle(workflow_id).fetch_history()).to_json_dict()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable(f"Temporal cannot return the history of {workflow_id}: {error}") from error
        raise PerdureError(
            f"Temporal has no history of {workflow_id}, or no longer: `perdure runs list` lists the known runs."
        ) from error
    except RuntimeError as error:  # temporalio's error when it cannot connect
        raise Unavailable(failure_text(error, temporal)) from error


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(export_workflow_history(None, sys.argv[1])), indent=2))  # noqa: T201
        exit_process(0)
    except PerdureError as error:
        print_error(f"perdure: {error}")
        exit_process(1)
