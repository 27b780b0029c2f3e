"""How we speak to Temporal."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client, TLSConfig
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from perdure.settings import TemporalSettings, TlsSettings

__all__ = ["answers", "connect_temporal"]

_FIRST_WAIT: Final = 0.1  # seconds
_LONGEST_WAIT: Final = 5.0  # seconds
_ANSWERS_WITHIN: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


async def connect_temporal(settings: TemporalSettings) -> Client:
    """Connect, however long it takes until Temporal is there."""
    wait = _FIRST_WAIT
    while True:
        try:
            return await _connect(settings)
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


async def _connect(settings: TemporalSettings) -> Client:
    return await Client.connect(
        f"{settings.host}:{settings.port}",
        namespace=settings.namespace,
        tls=_tls(settings.tls),
        api_key=settings.api_key_file.read_text().strip() if settings.api_key_file else None,
        data_converter=pydantic_data_converter,
        plugins=[OpenTelemetryPlugin()],
    )


def _tls(settings: TlsSettings) -> TLSConfig | bool:
    if not settings.enabled:
        return False
    return TLSConfig(
        domain=settings.server_name,
        server_root_ca_cert=_read(settings.ca_file),
        client_cert=_read(settings.cert_file),
        client_private_key=_read(settings.key_file),
    )


def _read(file: Path | None) -> bytes | None:
    return file.read_bytes() if file else None
