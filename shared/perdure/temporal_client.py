"""How every process of ours connects to Temporal: where, as whom, and how values are written there."""

from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client, Plugin, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter

from perdure.settings import TemporalSettings, TlsSettings

__all__ = ["open_client"]


async def open_client(settings: TemporalSettings, *, plugins: Sequence[Plugin] = ()) -> Client:
    """Connect, or fail at once.

    Raises:
        RuntimeError: No connection comes about; so temporalio says it.
    """
    return await Client.connect(
        f"{settings.host}:{settings.port}",
        namespace=settings.namespace,
        tls=_tls(settings.tls),
        api_key=settings.api_key_file.read_text().strip() if settings.api_key_file else None,
        data_converter=pydantic_data_converter,
        plugins=plugins,
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
