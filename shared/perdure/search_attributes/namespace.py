"""Registers the namespace of the configuration at Temporal: ``python -m perdure.search_attributes.namespace DAYS``."""

import asyncio
import sys
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.service import RPCError, RPCStatusCode

from perdure.config.loader import load_settings
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import PerdureError, Unavailable
from perdure.local.discovery import discover
from perdure.runtime.exit import exit_process
from perdure.runtime.stderr import print_error

__all__ = ["register_namespace"]


async def register_namespace(retention: timedelta) -> str:
    """Register ``temporal.namespace`` if Temporal lacks it; return its name.

    Args:
        retention: How long Temporal keeps the histories of runs that have ended.

    Raises:
        Unavailable: Temporal cannot be reached, or refused.
    """
    _, temporal = discover(load_settings())
    kept = Duration()
    kept.FromTimedelta(retention)
    request = RegisterNamespaceRequest(namespace=temporal.namespace, workflow_execution_retention_period=kept)
    try:
        client = await open_client(temporal)
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise Unavailable(f"Temporal cannot register the namespace {temporal.namespace}: {error}") from error
    except RuntimeError as error:  # temporalio's error when it cannot connect
        raise Unavailable(failure_text(error, temporal)) from error
    return temporal.namespace


if __name__ == "__main__":
    try:
        print(asyncio.run(register_namespace(timedelta(days=int(sys.argv[1])))))  # noqa: T201 (a program)
        sys.stdout.flush()
        exit_process(0)
    except PerdureError as error:
        print_error(str(error))
        exit_process(1)
