"""How every process of ours connects to Temporal: where, as whom, and how values are written there."""

from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, Plugin, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage

from perdure.config.settings import TemporalSettings, TlsSettings
from perdure.connections.temporal_internals import LeanDataConverter

__all__ = ["converter", "open_client"]


async def open_client(
    settings: TemporalSettings, *, plugins: Sequence[Plugin] = (), storage: ExternalStorage | None = None
) -> Client:
    """Connect, or fail at once.

    Args:
        settings: Where Temporal is.
        plugins: Of temporalio's kind.
        storage: Where large values lie; without it they can be neither written nor read.

    Raises:
        RuntimeError: No connection comes about; so temporalio says it.
    """
    return await Client.connect(
        f"{settings.host}:{settings.port}",
        namespace=settings.namespace,
        tls=_tls(settings.tls),
        api_key=settings.api_key_file.read_text().strip() if settings.api_key_file else None,
        data_converter=converter(storage),
        plugins=plugins,
    )


def converter(storage: ExternalStorage | None = None) -> DataConverter:
    """Return how values are written: as pydantic writes them, and large ones into the storage, if there is one."""
    written_by = pydantic_data_converter.payload_converter_class
    return LeanDataConverter(payload_converter_class=written_by, external_storage=storage)


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
