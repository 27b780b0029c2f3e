"""The section ``temporal:``: which Temporal runs the workflows, and how."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from perdure.config.secret_command import SecretCommand
from perdure.config.section import Section
from perdure.config.tls import TlsFiles

__all__ = ["TemporalSettings", "TlsSettings"]

DEPLOYMENT_NAME: Final = r"^[^.:\s]{1,128}$"
"""Temporal writes versions as ``<deployment>.<build>`` and ``<deployment>:<build>``."""


class TlsSettings(TlsFiles):
    """TLS to Temporal.

    Attributes:
        enabled: Connect with TLS; by default if there is an API key or another key of this section.
        server_name: The name in the server's certificate, if it is not the host.
    """

    enabled: bool | None = None
    server_name: str | None = None

    @property
    def is_configured(self) -> bool:
        """Whether TLS is enabled, or a key of the section implies it."""
        given = (self.server_name, self.ca_file, self.cert_file)
        return any(it is not None for it in given) if self.enabled is None else self.enabled


class TemporalSettings(Section):
    """The connection to Temporal, and limits of workers.

    Attributes:
        host: The host of Temporal's front end. A local engine sets host and port itself.
        port: Its gRPC port.
        namespace: The namespace of all runs.
        task_queue: The task queue of runs and steps; the orchestrator's workers serve it.
        deployment: The name under which Temporal knows the versions of the orchestrator's workers; a version is a build
            of the code, and runs stay on the version on which they began. Without a name workers have no version: open
            runs go on with whatever code runs.
        tls: How to connect with TLS.
        api_key_file: Holds the API key of Temporal Cloud; the key itself is never configured, and never sent
            without TLS.
        api_key_command: Or a program that prints it, with its arguments; it runs again every minute.
        api_key_variable: Or the environment variable that holds it.
        environment: Take TLS and API key, and the address and namespace that this file does not give, from Temporal's
            own configuration: `TEMPORAL_ADDRESS` and the like, and profile files. Where `execution_engine` is
            `temporal` and this file gives no `host`, it is on by itself if there is such a configuration.
        task_timeout_seconds: How long Temporal waits for a worker that died inside a workflow task. Temporal's own
            default is 10 (`WorkflowTaskTimeout`).
        signals_wait_seconds: How long after its publication a signal or decision waits for a run that has not begun.
            After that a signal becomes a dead letter, and a receipt refuses a decision. A start waits as long for its
            workflow to be registered: new code may be taking over.
        sandbox: Run workflow code in temporalio's sandbox, which catches non-determinism but costs CPU in every run.
        on_bug: What becomes of an open run when its code raises an error that nobody raised to end it, such as a
            ``KeyError``: ``wait`` for mended code under an alert, or ``fail``. Timeouts of the run go on meanwhile.
        inline_payload_bytes: Inputs and results of this size or more are stored in JetStream; Temporal keeps a
            reference with their digest. Temporal itself refuses payloads over 2 MiB (`limit.blobSize.error`).
    """

    host: str = "127.0.0.1"
    port: PositiveInt = 7233
    namespace: str = "default"
    task_queue: str = "perdure"
    deployment: Annotated[str, Field(pattern=DEPLOYMENT_NAME)] | None = "perdure"
    tls: TlsSettings = TlsSettings()
    api_key_file: Path | None = None
    api_key_command: SecretCommand | None = None
    api_key_variable: str | None = None
    environment: bool = False
    task_timeout_seconds: PositiveFloat = 10.0
    signals_wait_seconds: NonNegativeFloat = 10.0
    sandbox: bool = True
    on_bug: Literal["wait", "fail"] = "wait"
    inline_payload_bytes: PositiveInt = 256 * 1024

    @model_validator(mode="after")
    def _keeps_the_key_secret(self) -> Self:
        if self.has_api_key and self.tls.enabled is False:
            raise ValueError("an API key is never sent without TLS: take `tls.enabled: false` away")
        return self

    @property
    def has_api_key(self) -> bool:
        """Whether this section names an API key."""
        return (self.api_key_file, self.api_key_command, self.api_key_variable) != (None, None, None)

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted, as far as this section says."""
        return self.tls.is_configured or self.has_api_key

    @property
    def task_timeout(self) -> timedelta:
        """``task_timeout_seconds`` as a duration."""
        return timedelta(seconds=self.task_timeout_seconds)

    @property
    def signals_wait(self) -> timedelta:
        """``signals_wait_seconds`` as a duration."""
        return timedelta(seconds=self.signals_wait_seconds)
