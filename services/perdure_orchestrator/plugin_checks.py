"""What `PerdurePlugin` refuses in the configuration of a client, worker or replayer, with a sentence that says why."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from temporalio.client import Client, Plugin
from temporalio.contrib.pydantic import PydanticPayloadConverter, pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverter,
    DefaultPayloadConverter,
    ExternalStorage,
    FailureConverter,
)

from perdure.connections.data_converter import LeanDataConverter
from perdure.connections.payload_encryption import PayloadEncryption
from perdure.connections.temporal import converter
from perdure.encryption import KeySource
from perdure.errors import SetupError
from perdure.flow.facts import CarriedState
from perdure_orchestrator.failure_converter import BoundedFailureConverter
from perdure_orchestrator.interceptors import ProgressInterceptor

__all__ = ["NAME", "choose_converter", "refuse_client", "refuse_second"]

NAME: Final = "perdure.PerdurePlugin"
"""The name of the plugin, which Temporal shows with each worker."""

_SAMPLE: Final = CarriedState()  # its fields are all defaults, which Perdure's payloads must keep


def choose_converter(
    given: DataConverter | None,
    storage: ExternalStorage,
    failures: type[BoundedFailureConverter],
    keys: KeySource | None = None,
) -> DataConverter:
    """Return the data converter of a client or replayer: pydantic's, which puts large payloads into the storage.

    Args:
        given: That of the client or replayer.
        storage: Of large payloads.
        failures: Writes errors.
        keys: Encrypts payloads, if the configuration says so.

    Raises:
        SetupError: The given one does something else than temporalio's default or pydantic's.
    """
    own = replace(converter(storage, keys), failure_converter_class=failures)
    kind = DefaultPayloadConverter if given is None else given.payload_converter_class
    if given is not None and not isinstance(given.payload_codec, PayloadEncryption | None):
        raise SetupError(
            f"PerdurePlugin cannot use the payload codec {type(given.payload_codec).__name__}: the orchestrator and "
            "the command line read the same runs without it. Leave it out, and name a key ring by `encryption: "
            "{keys_file: …}` in perdure.yaml: then all of them encrypt alike."
        )
    if given is not None and not _is_replaceable(given):
        raise SetupError(
            "PerdurePlugin brings its own data converter, which is pydantic's: pass no other data converter, and let "
            f"no plugin before it in `plugins` bring one (given: {type(given).__name__} with {kind.__name__})."
        )
    return own if kind is DefaultPayloadConverter else replace(own, payload_converter_class=kind)


def refuse_client(client: Client, namespace: str) -> None:
    """Refuse a worker's client whose payloads or namespace are not those of the rest of Perdure.

    Raises:
        SetupError: It cannot serve Perdure's runs.
    """
    if not isinstance(client.data_converter, LeanDataConverter):
        plugins = client.config()["plugins"]
        if any(plugin.name() == NAME for plugin in plugins):
            raise SetupError(
                "Another plugin of the client replaces the data converter: make PerdurePlugin the last of the plugins."
            )
        raise SetupError("The worker's client was made without the plugin: Client.connect(..., plugins=[plugin]).")
    if client.namespace != namespace:
        raise SetupError(
            f"The worker's client is in the namespace {client.namespace}, but `temporal.namespace` is {namespace}: the "
            "orchestrator would look for its runs there, and no approval would reach them. Make both the same."
        )


def refuse_second(plugins: Sequence[Plugin], interceptors: Sequence[object] | None) -> None:
    """Refuse the plugin where it stands already: each fact would be published twice.

    Args:
        plugins: Those of a client.
        interceptors: Those of a worker or replayer.

    Raises:
        SetupError: It is given twice.
    """
    given = sum(plugin.name() == NAME for plugin in plugins)
    if given > 1 or any(isinstance(interceptor, ProgressInterceptor) for interceptor in interceptors or ()):
        raise SetupError(
            "PerdurePlugin is given twice: name it once, in the plugins of the client, from which its workers take it, "
            "or once in those of the Replayer."
        )


def _is_replaceable(given: DataConverter) -> bool:
    """Return whether a converter does nothing else than temporalio's default or pydantic's, or is Perdure's."""
    kind = given.payload_converter_class
    return (
        _writes_failures_alike(given.failure_converter_class)
        and (given.external_storage is None or isinstance(given, LeanDataConverter))
        and (kind is DefaultPayloadConverter or (issubclass(kind, PydanticPayloadConverter) and _writes_alike(given)))
    )


def _writes_failures_alike(kind: type[FailureConverter]) -> bool:
    return kind is DefaultFailureConverter or issubclass(kind, BoundedFailureConverter)


def _writes_alike(given: DataConverter) -> bool:
    wanted = pydantic_data_converter.payload_converter.to_payload(_SAMPLE)
    return given.payload_converter.to_payload(_SAMPLE) == wanted
