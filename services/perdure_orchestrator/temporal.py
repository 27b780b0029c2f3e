"""The orchestrator's connection to Temporal."""

import asyncio
import logging
from datetime import timedelta
from typing import Final

from temporalio.client import Client, Plugin
from temporalio.service import RPCError

from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client

__all__ = ["connect_temporal", "is_reachable"]

_FIRST_WAIT: Final = 0.1  # seconds
_LONGEST_WAIT: Final = 5.0  # seconds
_ANSWERS_WITHIN: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


async def connect_temporal(settings: TemporalSettings, *plugins: Plugin) -> Client:
    """Connect, and wait as long as it takes until Temporal answers."""
    wait = _FIRST_WAIT
    while True:
        try:
            return await open_client(settings, plugins=plugins)
        except RuntimeError as error:  # temporalio's error for a connection that cannot be made
            _log.warning("Temporal does not answer at %s:%s: %s", settings.host, settings.port, error)
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


async def is_reachable(client: Client) -> bool:
    """Return whether Temporal answers right now."""
    try:
        return await client.service_client.check_health(timeout=_ANSWERS_WITHIN)
    except RPCError:
        return False
