"""How the orchestrator finds Temporal, and knows whether it is there."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin
from temporalio.converter import ExternalStorage
from temporalio.service import RPCError

from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client

__all__ = ["answers", "connect_temporal"]

_FIRST_WAIT: Final = 0.1  # seconds
_LONGEST_WAIT: Final = 5.0  # seconds
_ANSWERS_WITHIN: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


async def connect_temporal(settings: TemporalSettings, storage: ExternalStorage | None = None) -> Client:
    """Connect, however long it takes until Temporal is there; large values lie in the storage, if there is one."""
    wait = _FIRST_WAIT
    while True:
        try:
            return await open_client(settings, plugins=[OpenTelemetryPlugin()], storage=storage)
        except RuntimeError as error:  # what temporalio raises when no connection comes about
            _log.warning("Temporal does not answer at %s:%s: %s", settings.host, settings.port, error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


async def answers(client: Client) -> bool:
    """Tell whether Temporal is reachable right now."""
    try:
        return await client.service_client.check_health(timeout=_ANSWERS_WITHIN)
    except RPCError:
        return False
