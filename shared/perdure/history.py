"""A run's history as Temporal keeps it: ``python -m perdure.history RUN``, which ``perdure history`` does too."""

import asyncio
import json
import sys
from typing import Any

from temporalio.service import RPCError, RPCStatusCode

from perdure.config.loader import load_settings
from perdure.connections.temporal import open_client
from perdure.errors import PerdureError, Unavailable
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process

__all__ = ["export_workflow_history"]


async def export_workflow_history(workflow: str | None, workflow_id: str) -> dict[str, Any]:
    """Fetch the whole history of the latest run, in the JSON that Temporal's UI and its replayers read.

    Args:
        workflow: The name of its workflow, to be sure; None for any.
        workflow_id: The run, as ``perdure runs`` names it.

    Raises:
        PerdureError: There is no such run, or its workflow is another.
        Unavailable: No Temporal answers where the configuration says.
    """
    _, temporal = discover(load_settings())
    try:
        client = await open_client(temporal)
        handle = client.get_workflow_handle(workflow_id)
        found = (await handle.describe()).workflow_type
        if workflow not in {None, found}:
            raise PerdureError(f"{workflow_id} is a run of {found}, not of {workflow}.")
        return (await handle.fetch_history()).to_json_dict()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise Unavailable(f"Temporal does not tell: {error}") from error
        raise PerdureError(
            f"Temporal knows no run {workflow_id}, or no more: `perdure runs` names those that said something."
        ) from error
    except RuntimeError as error:  # what temporalio raises when no connection comes about
        raise Unavailable(f"No Temporal answers at {temporal.host}:{temporal.port}.") from error


if __name__ == "__main__":
    try:
        print(json.dumps(asyncio.run(export_workflow_history(None, sys.argv[1])), indent=2))  # noqa: T201
        exit_process(0)
    except PerdureError as error:
        print(f"perdure: {error}", file=sys.stderr)  # noqa: T201
        exit_process(1)
