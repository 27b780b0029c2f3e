"""Temporal clients with Perdure's address, credentials and data converter."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from temporalio.client import Client, Plugin, TLSConfig
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig
from temporalio.runtime import LogForwardingConfig, LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig

from perdure.config.private_file import read_private_text
from perdure.config.secrets import read_secret
from perdure.config.settings import TemporalSettings, TlsSettings
from perdure.connections.data_converter import LeanDataConverter
from perdure.connections.payload_encryption import PayloadEncryption
from perdure.encryption import KeySource
from perdure.errors import SetupError

__all__ = ["converter", "new_runtime", "open_client", "refresh_api_key"]

_log: Final = logging.getLogger(__name__)
_CORE_LOG: Final = logging.getLogger("temporalio.core")


async def open_client(
    settings: TemporalSettings,
    *,
    plugins: Sequence[Plugin] = (),
    storage: ExternalStorage | None = None,
    keys: KeySource | None = None,
    runtime: Runtime | None = None,
) -> Client:
    """Connect to Temporal, or fail at once.

    Args:
        settings: Address, namespace and credentials.
        plugins: temporalio plugins.
        storage: Stores large payloads; without it they can be neither written nor read.
        keys: Encrypts and decrypts payloads; a plugin of Perdure's brings its own.
        runtime: The SDK's runtime; by default one without metrics that the process has once.

    Raises:
        RuntimeError: The connection failed; temporalio raises no narrower error. See ``temporal_refusals``.
        SetupError: A file cannot be read, or holds something else.
    """
    tls, api_key, metadata = _security(settings)
    try:
        return await Client.connect(
            f"{settings.host}:{settings.port}",
            namespace=settings.namespace,
            tls=tls,
            api_key=api_key,
            rpc_metadata=metadata,
            data_converter=converter(storage, keys),
            plugins=plugins,
            runtime=runtime or _runtime(),
        )
    except RuntimeError as error:
        if "PrivateKeyParseError" not in str(error):
            raise
        raise SetupError(f"`temporal.tls.key_file`: {settings.tls.key_file} holds no private key in PEM.") from error


async def refresh_api_key(client: Client, settings: TemporalSettings) -> None:
    """Give a client the API key that its source holds now, if it can be read."""
    try:
        _, key, _ = await asyncio.to_thread(_security, settings)
    except SetupError as error:
        _log.warning("%s The key that was read before stays in use.", error)
        return
    if key != client.api_key:
        client.api_key = key


def _security(settings: TemporalSettings) -> tuple[TLSConfig | bool, str | None, Mapping[str, str | bytes]]:
    """Return TLS, API key and headers of a connection; a key never goes without TLS."""
    own = _own_environment() if settings.environment else ClientConnectConfig()
    key = _api_key(settings) or own.get("api_key")
    tls: TLSConfig | bool = own.get("tls", key is not None)
    if settings.tls.enabled is False or settings.uses_tls:
        tls = _tls(settings.tls) if settings.uses_tls else False
    if key is not None and tls is False:
        raise SetupError(
            "An API key for Temporal is never sent without TLS: take `temporal.tls.enabled: false`, or `disabled` in "
            "Temporal's own configuration, away."
        )
    return tls, key, own.get("rpc_metadata", {})


def _own_environment() -> ClientConnectConfig:
    try:
        return ClientConfigProfile.load().to_client_connect_config()
    except (RuntimeError, OSError) as error:
        raise SetupError(f"Temporal's own configuration cannot be read: {error}.") from error


def _api_key(settings: TemporalSettings) -> str | None:
    if not settings.has_api_key:
        return None
    return read_secret(
        "The API key for Temporal",
        file=settings.api_key_file,
        command=settings.api_key_command,
        variable=settings.api_key_variable,
    )


@cache
def _runtime() -> Runtime:
    return new_runtime()


def new_runtime(metrics: str | None = None) -> Runtime:
    """Return a runtime of the SDK, whose Rust core logs through Python, in the form of all other lines.

    Args:
        metrics: ``host:port`` on which the core serves its metrics, named as in Temporal's documents; by default none.

    Raises:
        ValueError: It cannot listen there.
    """
    forwarding = LogForwardingConfig(
        _CORE_LOG, append_target_to_name=False, prepend_target_on_message=False, append_log_fields_to_message=False
    )
    logs = LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)
    served = None
    if metrics is not None:
        served = PrometheusConfig(metrics, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True)
    return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=served))


def converter(storage: ExternalStorage | None = None, keys: KeySource | None = None) -> DataConverter:
    """Return pydantic's data converter.

    Args:
        storage: Large payloads are put there, after their encryption.
        keys: Payloads are encrypted by these.
    """
    return LeanDataConverter(
        payload_converter_class=pydantic_data_converter.payload_converter_class,
        payload_codec=None if keys is None else PayloadEncryption(keys),
        external_storage=storage,
    )


def _tls(settings: TlsSettings) -> TLSConfig:
    return TLSConfig(
        domain=settings.server_name,
        server_root_ca_cert=_read("tls.ca_file", settings.ca_file),
        client_cert=_read("tls.cert_file", settings.cert_file),
        client_private_key=_read_private("tls.key_file", settings.key_file),
    )


def _read(key: str, file: Path | None) -> bytes | None:
    try:
        return None if file is None else file.expanduser().read_bytes()
    except OSError as error:
        raise SetupError(f"`temporal.{key}`: {file} cannot be read ({error.strerror}).") from error


def _read_private(key: str, file: Path | None) -> bytes | None:
    try:
        return None if file is None else read_private_text(file.expanduser()).encode()
    except OSError as error:
        raise SetupError(f"`temporal.{key}`: {file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"`temporal.{key}`: {file} holds no private key in PEM.") from error
