"""The orchestrator's connection to Temporal."""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import Final

from temporalio.client import Client, Plugin
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client, refresh_api_key
from perdure.connections.temporal_refusals import failure_text
from perdure_orchestrator.repetition import repeat_for_ever

__all__ = ["connect_temporal", "is_reachable", "keep_api_key"]

_FIRST_WAIT: Final = 0.1  # seconds
_LONGEST_WAIT: Final = 5.0  # seconds
_READS_KEY_EVERY: Final = timedelta(seconds=10)
_ANSWERS_WITHIN: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


async def connect_temporal(settings: TemporalSettings, *plugins: Plugin, runtime: Runtime | None = None) -> Client:
    """Connect, and wait as long as it takes until Temporal answers; arguments as of ``open_client``.

    Raises:
        SetupError: A certificate or the API key cannot be read.
    """
    wait = _FIRST_WAIT
    while True:
        try:
            return await open_client(settings, plugins=plugins, runtime=runtime)
        except RuntimeError as error:  # temporalio's error for a connection that cannot be made
            _log.warning("%s", failure_text(error, settings))
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)


async def keep_api_key(client: Client, settings: TemporalSettings) -> None:
    """Use each new API key, for as long as the process lives."""
    if settings.has_api_key or settings.environment:
        await repeat_for_ever(partial(refresh_api_key, client, settings), _READS_KEY_EVERY, what="read the API key")


async def is_reachable(client: Client) -> bool:
    """Return whether Temporal answers right now."""
    try:
        return await client.service_client.check_health(timeout=_ANSWERS_WITHIN)
    except RPCError:
        return False
