"""Temporal clients with Perdure's address, credentials and data converter."""

import logging
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from temporalio.client import Client, Plugin, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig

from perdure.config.settings import TemporalSettings, TlsSettings
from perdure.connections.temporal_internals import LeanDataConverter

__all__ = ["converter", "open_client"]

_CORE_LOG: Final = logging.getLogger("temporalio.core")


async def open_client(
    settings: TemporalSettings, *, plugins: Sequence[Plugin] = (), storage: ExternalStorage | None = None
) -> Client:
    """Connect to Temporal, or fail at once.

    Args:
        settings: Address, namespace and credentials.
        plugins: temporalio plugins.
        storage: Stores large payloads; without it they can be neither written nor read.

    Raises:
        RuntimeError: The connection failed; temporalio raises no narrower error.
    """
    return await Client.connect(
        f"{settings.host}:{settings.port}",
        namespace=settings.namespace,
        tls=_tls(settings.tls),
        api_key=settings.api_key_file.read_text().strip() if settings.api_key_file else None,
        data_converter=converter(storage),
        plugins=plugins,
        runtime=_runtime(),
    )


@cache
def _runtime() -> Runtime:
    """Return the SDK's runtime of this process, whose Rust core logs through Python, in the form of all other lines."""
    forwarding = LogForwardingConfig(
        _CORE_LOG, append_target_to_name=False, prepend_target_on_message=False, append_log_fields_to_message=False
    )
    logs = LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)
    return Runtime(telemetry=TelemetryConfig(logging=logs))


def converter(storage: ExternalStorage | None = None) -> DataConverter:
    """Return pydantic's data converter, which puts large payloads into the storage, if there is one."""
    payload_converter = pydantic_data_converter.payload_converter_class
    return LeanDataConverter(payload_converter_class=payload_converter, external_storage=storage)


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
